"""Planted secrets: one of the tests' own in each kind of place, which a search of that place has to find.

Owns what is planted, and that all of it is gone afterwards. Does not own the search (places.py).
"""

import io
import json
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from fnmatch import fnmatch
from typing import Any

from mailinfra.containers import labels
from tests import canaries
from tests.canaries import Hit
from tests.e2e.places import Places
from tests.waiting import until

NAME = "planted"

WRITES = """
import json, os, sys
for path, text in json.loads(os.environ['FILES']).items():
    with open(path, 'wb') as file:
        file.write(bytes.fromhex(text))
print(os.environ['LOG'], flush=True)
sys.stdin.read()
"""
"""What the planted container does: it stays after that."""

SOWS = """
import json, os, sys
for path, text in json.loads(sys.argv[1]).items():
    if text:
        with open(path, 'wb') as file:
            file.write(bytes.fromhex(text))
    elif os.path.exists(path):
        os.unlink(path)
"""

FULL = "size=4k"
"""Of a folder in memory that has place for one file, and has it."""


class Planted:
    """What was planted where."""

    def __init__(self) -> None:
        self.known: dict[str, str] = {}
        """What it is -> the secret."""

        self.places: dict[str, str] = {}
        """What it is -> pattern of the place where it has to be found."""

    def seed(self, where: str, place: str) -> str:
        """Return a new secret that is to be found at a place."""
        what = f"planted {where}"
        self.known[what], self.places[what] = secrets.token_urlsafe(24), place
        return self.known[what]

    def disguised(self, where: str, place: str) -> bytes:
        """Return a form of a new secret, each time another one."""
        found = sorted(canaries.forms(self.seed(where, place)))
        return found[len(self.known) % len(found)]

    def overlooked(self, found: set[Hit]) -> list[str]:
        """Return each secret that was not found where it is."""
        return [
            f"{what}: {place}"
            for what, place in self.places.items()
            if not any(what == hit[0] and fnmatch(hit[1], place) for hit in found)
        ]


@contextmanager
def planted(places: Places) -> Iterator[Planted]:
    """Plant secrets in what Docker tells of a stack, in a container, and in each writable folder of its
    daemons."""
    made = Planted()
    with ExitStack() as after:
        _in_daemons(places, made, after)
        _in_docker(places, made, after)
        yield made


def _in_daemons(places: Places, made: Planted, after: ExitStack) -> None:
    """Write files into the volumes and the memory of the daemons that run."""
    seeds = {}
    for one in places.containers():
        if not (pid := one.attrs["State"]["Pid"]):
            continue
        daemon, root = one.labels[labels.SERVICE], f"/proc/{pid}/root"
        for given, options in (one.attrs["HostConfig"].get("Tmpfs") or {}).items():
            if FULL in options:
                continue
            folder = given.replace("/var/run/", "/run/")  # a link, which from outside leads elsewhere
            where = f"in memory of {daemon}, {folder}"
            seeds[f"{root}{folder}/.{NAME}"] = made.disguised(where, f"{daemon}:{folder}/.{NAME}")
        for mount in one.attrs["Mounts"]:
            if mount["RW"] and mount["Type"] == "volume":
                kind = places.kind(mount["Name"])
                seed = made.disguised(f"in volume {kind}", f"volume {kind}:/.{NAME}")
                seeds[f"{root}{mount['Destination']}/.{NAME}"] = seed
    after.callback(_sow, places, dict.fromkeys(seeds, b""))
    _sow(places, seeds)


def _sow(places: Places, files: dict[str, bytes]) -> None:
    """Write files as root among all processes of the machine; remove those with nothing in them."""
    places.docker.containers.run(
        places.searcher,
        ["-c", SOWS, json.dumps({path: text.hex() for path, text in files.items()})],
        pid_mode="host",
        network_mode="none",
        cap_add=["SYS_PTRACE"],
        labels={"mailinfra.e2e": "yes"},
        remove=True,
    )


def _in_docker(places: Places, made: Planted, after: ExitStack) -> None:
    """Make an image, a network, a volume and two containers of which one never runs."""
    client, name = places.docker, f"{places.full_name}-{NAME}"
    marks: dict[str, Any] = {labels.STACK: places.full_name, labels.SERVICE: NAME}
    recipe = (
        f"FROM {places.searcher}\n"
        f"LABEL seed={made.seed('in an image', f'docker inspect {name}:latest')}\n"
        f"RUN : {made.seed('in how an image was built', f'docker history {name}:latest')}\n"
    )
    image, _ = client.images.build(fileobj=io.BytesIO(recipe.encode()), tag=f"{name}:latest", rm=True)
    after.callback(client.images.remove, f"{name}:latest", force=True)
    made_of = str(image.id)
    seed = made.seed("in a network", f"docker inspect {name}-network")
    after.callback(client.networks.create(f"{name}-network", labels={**marks, "seed": seed}).remove)
    seed = made.seed("in a volume's labels", f"docker inspect {name}-volume")
    volume = client.volumes.create(f"{name}-volume", labels={**marks, "seed": seed})
    after.callback(volume.remove, force=True)
    files = {
        f"/var/lib/{NAME}": made.disguised("in what was written", f"layer of {name}:/var/lib/{NAME}"),
        f"/memory/{NAME}": made.disguised("in memory", f"{NAME}:/memory/{NAME}"),
        f"/dev/shm/{NAME}": made.disguised("in shared memory", f"{NAME}:/dev/shm/{NAME}"),
        f"/kept/{NAME}": made.disguised("in a volume", f"volume {NAME}-volume:/{NAME}"),
    }
    environment = {
        "SEED": made.seed("in an environment", "processes:/proc/*/environ"),
        "LOG": made.seed("in a log", f"docker logs {name}"),
        "FILES": json.dumps({path: text.hex() for path, text in files.items()}),
    }
    living = client.containers.create(
        made_of,
        ["-c", WRITES, made.seed("in an argument", "processes:/proc/*/cmdline")],
        name=name,
        environment=environment,
        tmpfs={"/memory": ""},
        volumes={f"{name}-volume": {"bind": "/kept", "mode": "rw"}},
        stdin_open=True,
        network_mode="none",
        labels={**marks, "seed": made.seed("in a container's labels", f"docker inspect {name}")},
    )
    after.callback(living.remove, force=True)
    resting = client.containers.create(made_of, name=f"{name}-resting", network_mode="none", labels=marks)
    after.callback(resting.remove, force=True)
    form = made.disguised("in what never ran", f"layer of {name}-resting:/var/lib/{NAME}")
    resting.put_archive("/var/lib", canaries.packed({NAME: form}))
    living.start()
    until(lambda: living.logs(), 60, "the planted container has written")
