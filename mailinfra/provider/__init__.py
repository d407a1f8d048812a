"""Our own Pulumi provider: the schema of the `mail` database, and the accounts in it.

Runs as a process of its own, started by the engine through plugins/pulumi-resource-mailinfra. It imports
nothing of the program but types.py and hashes.py, the ground of both; the program imports nothing of it.
"""
