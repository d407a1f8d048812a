"""Hooks of MySQL's users go on whatever else the program waits for."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

from mailinfra.components.database.user_hooks import aside


def test_a_hook_runs_while_every_thread_of_the_program_waits_for_the_engine() -> None:
    answered, ran = threading.Event(), threading.Event()

    async def program() -> None:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(1))  # as the engine's `--parallel 1` has it
        waiting = loop.run_in_executor(None, answered.wait)
        try:
            await asyncio.wait_for(aside(ran.set), 60)
        finally:
            answered.set()
            await waiting

    asyncio.run(program())
    assert ran.is_set()
