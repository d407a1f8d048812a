"""Where secrets could lie on the machine of a stack's Docker: files, processes, what Docker tells and keeps.

Owns how each place is reached, as root of that machine. Does not own what is looked for (belongings.py), nor
in which forms (canaries.py).
"""

import io
import json
import re
import tarfile
from typing import Any

import docker
from docker.models.containers import Container

from mailinfra.containers import labels
from tests import canaries
from tests.canaries import Hit, Known

GONE = 2
"""How Docker numbers that a file is no more there."""

PROCESSES = ["/proc/[0-9]*/cmdline", "/proc/[0-9]*/environ"]
"""What a process was called with; the second one only its user and root may read."""


class Places:
    """Everything of one stack that Docker has."""

    def __init__(self, client: docker.DockerClient, full_name: str, searcher: str) -> None:
        """`searcher` is an image of the tests' own that has search.py."""
        self.docker, self.full_name, self.searcher = client, full_name, searcher
        self.label: dict[str, Any] = {"label": f"{labels.STACK}={full_name}"}

    def containers(self) -> list[Container]:
        """Return all containers, those that only fill volumes included."""
        return self.docker.containers.list(all=True, filters=self.label)

    def volumes(self) -> list[str]:
        """Return Docker's names of all volumes."""
        names = [str(one.name) for one in self.docker.volumes.list()]
        return sorted(name for name in names if name.startswith(f"{self.full_name}-"))

    def kind(self, volume: str) -> str:
        """Return a volume's name without the stack, and without what it is named by."""
        return re.sub(r"-[0-9a-f]{16}$", "", volume.removeprefix(f"{self.full_name}-"))

    def texts(self) -> dict[str, str]:
        """Return place -> what Docker tells whoever may ask it, and what the containers have written."""
        found, images = {}, set()
        for one in self.containers():
            found[f"docker inspect {one.name}"] = json.dumps(one.attrs)
            found[f"docker logs {one.name}"] = one.logs().decode("utf-8", "replace")
            if not upper(one):
                found |= layer(one)
            images.add(one.attrs["Image"])
        for identity in sorted(images):
            image = self.docker.images.get(identity)
            name = next(iter(image.tags), identity)
            found[f"docker inspect {name}"] = json.dumps(image.attrs)
            found[f"docker history {name}"] = json.dumps(image.history())
        for network in self.docker.networks.list(filters=self.label):
            network.reload()
            found[f"docker inspect {network.name}"] = json.dumps(network.attrs)
        for volume in self.volumes():
            found[f"docker inspect {volume}"] = json.dumps(self.docker.volumes.get(volume).attrs)
        return found

    def files(self, known: Known) -> set[Hit]:
        """Return what stands in which file: of all volumes, of what each container has written, of the root
        of each that runs, with what is in memory there and without its programs, and of all processes."""
        fronts: dict[str, str] = {"processes": ""}
        places: dict[str, list[str]] = {"processes": PROCESSES}
        mounts: dict[str, dict[str, str]] = {}

        def mounted(place: str, source: str, target: str) -> None:
            mounts[source] = {"bind": target, "mode": "ro"}
            fronts[place], places[place] = target, [target]

        for one in self.containers():
            if source := upper(one):
                mounted(f"layer of {one.name}", source, f"/layers/{one.name}")
            if pid := one.attrs["State"]["Pid"]:
                place, root = one.labels[labels.SERVICE], f"/proc/{pid}/root"
                fronts[place], places[place] = root, [root]
        for volume in self.volumes():
            mounted(f"volume {self.kind(volume)}", volume, f"/volumes/{volume}")
        printed = self._search(canaries.job(known, places), mounts)
        found = canaries.read(known, printed)
        return {(what, f"{place}:{path.removeprefix(fronts[place])}") for what, place, path in found}

    def _search(self, job: dict[str, bytes], mounts: dict[str, dict[str, str]]) -> str:
        """Run search.py as root among all processes of the machine; return what it prints."""
        searching = self.docker.containers.create(
            self.searcher,
            ["/ground/search.py", "/job"],
            pid_mode="host",
            network_mode="none",
            cap_add=["SYS_PTRACE"],  # to look into the roots of others
            volumes=mounts,
            labels={"mailinfra.e2e": "yes"},
        )
        try:
            searching.put_archive("/", canaries.packed({f"job/{name}": text for name, text in job.items()}))
            searching.start()
            status = searching.wait(timeout=300)["StatusCode"]
            printed = searching.logs(stderr=bool(status)).decode()
            assert status == 0, printed
            return printed
        finally:
            searching.remove(force=True, v=True)


def upper(container: Container) -> str:
    """Return the folder where Docker keeps what a container writes; empty where it does not tell."""
    return str(((container.attrs.get("GraphDriver") or {}).get("Data") or {}).get("UpperDir") or "")


def layer(container: Container) -> dict[str, str]:
    """Return place -> what a container has written beside its volumes; Docker compares its root for that,
    which takes a second for each."""
    mounted = {mount["Destination"] for mount in container.attrs["Mounts"]}
    mounted |= set(container.attrs["HostConfig"].get("Tmpfs") or {})
    changed = {str(change["Path"]) for change in container.diff() or [] if change["Kind"] != GONE}
    found = {}
    for path in sorted(changed - mounted):
        if any(other.startswith(f"{path}/") for other in changed):
            continue  # a folder, whose files are listed, too
        packed, _ = container.get_archive(path)
        with tarfile.open(fileobj=io.BytesIO(b"".join(packed))) as archive:
            files = [file.read() for entry in archive if (file := archive.extractfile(entry))]
        found[f"layer of {container.name}:{path}"] = b"".join(files).decode("utf-8", "surrogateescape")
    return found
