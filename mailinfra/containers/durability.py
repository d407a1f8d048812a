"""Protection: the resource options that keep data alive.

Owns the one answer to "what becomes of this volume when the stack is destroyed?".
"""

from pulumi import ResourceOptions

from mailinfra.types import OnDestroy


def durable(on_destroy: OnDestroy) -> ResourceOptions:
    """Return the options of a resource that holds data of users.

    `retain` leaves it on the machine when its entry goes, so that the next `up` adopts it by its
    fixed name; `protect` makes `destroy` refuse as well; `delete` is for throw-away stacks.
    """
    match on_destroy:
        case OnDestroy.RETAIN:
            return ResourceOptions(retain_on_delete=True)
        case OnDestroy.PROTECT:
            return ResourceOptions(retain_on_delete=True, protect=True)
        case OnDestroy.DELETE:
            return ResourceOptions()


LEARNED, CACHE, ISSUED = "-learned", "-cache", "-issued"
"""Ends of the names of volumes that hold nothing which a person wrote or was sent."""


def learned(on_destroy: OnDestroy) -> ResourceOptions:
    """Return the options of a resource that holds what a daemon learned, or a CA gave: kept as data of users
    is, and never protected, for a setting that leaves the daemon out has to be able to let go of it."""
    return ResourceOptions(retain_on_delete=on_destroy is not OnDestroy.DELETE)
