"""Ending: runs a provider as a process that ends with its engine.

`python -m mailinfra.provider.ending MODULE ENGINE_ADDRESS`, for ours and for any other in Python.

Owns how such a process ends, which is at once and without a word: at the engine's SIGINT, at SIGTERM, and
within seconds of the engine's own end, however that came. What it does meanwhile is MODULE's.
"""

import os
import runpy
import signal
import sys
import threading
import time

__all__ = ["run"]

POLL_SECONDS = 1.0
ENDING = frozenset({signal.SIGINT, signal.SIGTERM})


def run(module: str, arguments: list[str]) -> int:
    """Run `module` as a program; return the process's status where it does not end otherwise."""
    # Waited for by a thread of their own: a handler runs in the first one, which may sleep until it is asked
    # something.
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    for number in ENDING:
        signal.signal(number, signal.SIG_DFL)
    threading.Thread(target=_end_at_signal, daemon=True).start()
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    sys.argv = [module, *arguments]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except Exception as error:
        print(f"{module} cannot go on: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


def _end_at_signal() -> None:
    signal.sigwait(ENDING)
    os._exit(0)


def _end_with(engine: int) -> None:
    """End this process when `engine` is no longer its parent: whoever adopted it asks it for nothing."""
    while os.getppid() == engine:
        time.sleep(POLL_SECONDS)
    os._exit(0)


if __name__ == "__main__":
    # Nothing is left to put in order at an end, and Python's own order of ending is what prints.
    status = run(sys.argv[1], sys.argv[2:])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
