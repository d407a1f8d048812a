"""Our own Pulumi provider: the schema of the `mail` database, and the accounts in it.

Runs as a process of its own, started by the engine through plugins/pulumi-resource-mailinfra. It imports
nothing of the program but the ground of both: addresses.py, chains.py, hashes.py. The program imports two
modules of it: mysql_users.py, for the hooks of MySQL's users (components/database/user_hooks.py), and
password_changes.py, for the names of the procedures that webmail may call.
"""
