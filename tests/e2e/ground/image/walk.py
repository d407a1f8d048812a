"""Tells, from inside of a container's network namespace, which TCP ports are listened on and which answer.

`walk.py` prints the ports that anybody listens on here. With a list of targets as JSON, address and port, it
prints those that take a connection.
"""

import json
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

SECONDS = 4
"""How long a target may take to answer: on one machine it is at once, and what is dropped never does."""

LISTENS = "0A"


def listening() -> list[int]:
    ports = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == LISTENS:
                ports.add(int(words[1].rpartition(":")[2], 16))
    return sorted(ports)


def answers(target: tuple[str, int]) -> bool:
    try:
        socket.create_connection(target, SECONDS).close()
    except OSError:
        return False
    return True


if len(sys.argv) == 1:
    print(json.dumps(listening()))
else:
    targets = [(address, port) for address, port in json.loads(sys.argv[1])]
    with ThreadPoolExecutor(100) as pool:
        found = list(pool.map(answers, targets))
    print(json.dumps([target for target, answered in zip(targets, found, strict=True) if answered]))
