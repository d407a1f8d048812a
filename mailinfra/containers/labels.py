"""Labels: what a container, and the network between them, says of itself to whoever lists them.

Owns the names. They are constant, for a changed label replaces what carries it. bootstrap/ and an
operator's `docker ps --filter` look for them, and a test compares.
"""

STACK = "mailinfra.stack"
"""`<project>-<stack>`: whose it is."""

SERVICE = "mailinfra.service"
"""Name of the daemon in a container."""

NETWORK = "mailinfra.network"
"""Which of the stack's networks it is."""
