"""Hooks of MySQL's users: what the mysql provider does not do before it creates or changes one.

Owns the hook before a creation: such a user cannot be imported, and its creation fails where the name is
taken (error 1396), after a restored backup, with a lost state, or after an `up` that was killed between
MySQL's answer and the state. Owns the hook before an update, which can be one of the password alone: the
service goes on with the old one until it is replaced. Does not own the users (users.py), nor the end of an
old password (mailinfra/provider/single_passwords.py).
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pulumi import Output, ResourceHook, ResourceHookArgs, ResourceHookBinding
from pulumi.runtime.proto.resource_pb2_grpc import ResourceMonitorStub
from pulumi.runtime.settings import get_monitor

from mailinfra.components.own_provider import Connection

_THREADS = ThreadPoolExecutor(thread_name_prefix="hooks")
"""Where hooks ask MySQL: see `aside`."""


def before_users(name: str, connection: Connection, databases: Sequence[str]) -> ResourceHookBinding | None:
    """Return the hooks that run in an update before a user is created or changed.

    One drops the user of that name, if there is one that the engine does not know. One with rights outside of
    `databases` is somebody else's: then the update ends with a sentence, and the user stays. The other keeps
    the password that is about to be changed as a second one. None under Pulumi's mocks, which create nothing
    and have no server that a hook could be called through.
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
        await aside(drop_ours, known, inputs["user"], inputs["host"], databases)

    async def keep_password(args: ResourceHookArgs) -> None:
        from mailinfra.provider.mysql_users import keep_password

        old, new = args.old_inputs or {}, args.new_inputs or {}
        before, after = [await _known(each.get("plaintextPassword")) for each in (old, new)]
        if before and after and before != after:
            await aside(keep_password, known, new["user"], new["host"], before, after)

    return ResourceHookBinding(
        before_create=[ResourceHook(f"{name}-stale-users", drop_stale_user)],
        before_update=[ResourceHook(f"{name}-kept-passwords", keep_password)],
    )


async def aside(function: Callable[..., object], *arguments: object) -> None:
    """Run a function of a hook in a thread.

    Not in one of the loop's own (`asyncio.to_thread`). Those are as many as `pulumi up --parallel` says, four
    for each processor, and each waits for the engine's answer about one resource. Once all of them wait for
    resources whose hooks have not run, neither side goes on any more.
    """
    await asyncio.get_running_loop().run_in_executor(_THREADS, lambda: function(*arguments))


async def _known(value: Any) -> Any:
    """Return what a hook was given: secrets come as outputs."""
    return await value.future() if isinstance(value, Output) else value
