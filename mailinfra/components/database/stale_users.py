"""Stale users: what an earlier stack left in MySQL is not in the way of a new user.

Owns the hook that runs before the engine creates a `mysql:index:User`. Such a user cannot be imported, and
its creation fails where the name is taken (error 1396): after a restored backup, with a lost state, or after
an `up` that was killed between MySQL's answer and the state. Does not own the users (users.py).
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from pulumi import Output, ResourceHook, ResourceHookArgs, ResourceHookBinding
from pulumi.runtime.proto.resource_pb2_grpc import ResourceMonitorStub
from pulumi.runtime.settings import get_monitor

from mailinfra.components.own_provider import Connection


def no_stale_users(name: str, connection: Connection, databases: Sequence[str]) -> ResourceHookBinding | None:
    """Return the hook that drops the user of that name which is about to be created, if there is one.

    It runs in an update alone, where the engine knows of no such user. One with rights outside of
    `databases` is somebody else's: then the update ends with a sentence, and the user stays. None under
    Pulumi's mocks, which create nothing and have no server that a hook could be called through.
    """
    if not isinstance(get_monitor(), ResourceMonitorStub):
        return None
    known: dict[str, Any] = {}
    # The users wait for the same values, so that all of them are known once the hook runs.
    Output.all(**connection.properties()).apply(known.update)

    async def drop_stale_user(args: ResourceHookArgs) -> None:
        # Loads a database driver, which no preview needs.
        from mailinfra.provider.mysql_users import drop_ours

        inputs = args.new_inputs or {}
        await asyncio.to_thread(drop_ours, known, inputs["user"], inputs["host"], databases)

    return ResourceHookBinding(before_create=[ResourceHook(name, drop_stale_user)])
