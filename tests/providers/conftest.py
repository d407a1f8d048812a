"""What the recordings were made against, made again: plugins, an image, a network, a MySQL server."""

import os
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import docker
import pymysql
import pytest

from bootstrap.base_image import BASE
from bootstrap.providers.install import launcher
from tests.providers.wire import Plugin, plugin

ROOT = Path(__file__).parents[2]
MYSQL_IMAGE = "prov-mysql:test"


@pytest.fixture(scope="session")
def daemon() -> Iterator[docker.DockerClient]:
    """The Docker daemon that the tests use."""
    client = docker.from_env()
    yield client
    client.close()


@pytest.fixture(scope="session")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Plugin]]:
    """One running plugin of each kind, started by its launcher."""
    folder = tmp_path_factory.mktemp("plugins")
    environment = {**os.environ, "MAILINFRA_MYSQL_RETRY_SECONDS": "2"}
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(
                plugin(launcher(name, folder / name, Path(sys.executable)), environment)
            )
            for name in ("docker", "mysql", "random", "tls")
        }


@pytest.fixture(scope="session")
def surroundings(daemon: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What the docker recording found: an image, a network, a volume, a name and a port that are taken.

    Gives the folder that an image is built from.
    """
    clean(daemon)
    daemon.images.get(BASE).tag("prov-recorded", "1")
    daemon.networks.create("prov-recnet2")
    daemon.volumes.create("prov-recvol2")
    taken = {"1/tcp": ("127.0.0.1", 20999)}
    daemon.containers.run("prov-recorded:1", ["sleep", "600"], name="prov-rectaken", ports=taken, detach=True)
    context = tmp_path_factory.mktemp("context")
    (context / "Dockerfile").write_text("FROM prov-recorded:1\nARG A\nLABEL argument=$A\n")
    yield context
    clean(daemon)


def clean(daemon: docker.DockerClient) -> None:
    """Remove what the recordings' calls leave behind, by its names."""
    for container in daemon.containers.list(all=True, ignore_removed=True):
        if str(container.name).startswith("prov-rec"):
            container.remove(force=True, v=True)
    for network in daemon.networks.list():
        if str(network.name).startswith("prov-rec"):
            network.remove()
    for volume in daemon.volumes.list():
        if volume.name.startswith("prov-rec"):
            volume.remove(force=True)
    for image in daemon.images.list("prov-recorded"):
        for tag in image.tags:
            if tag.startswith("prov-recorded"):
                daemon.images.remove(tag, force=True)


@pytest.fixture(scope="session")
def mysql(daemon: docker.DockerClient) -> Iterator[dict[str, Any]]:
    """A MySQL server of the tests' own; gives the provider's settings for it."""
    daemon.images.build(path=str(ROOT / "images/mysql"), tag=MYSQL_IMAGE, buildargs={"BASE": BASE}, rm=True)
    password = secrets.token_hex(12)
    for left in daemon.containers.list(all=True, filters={"name": "^prov-mysql$"}):
        left.remove(force=True, v=True)
    container = daemon.containers.run(
        MYSQL_IMAGE,
        name="prov-mysql",
        environment={"MYSQL_ROOT_PASSWORD": password, "MYSQL_ROOT_HOST": "%"},
        ports={"3306/tcp": ("127.0.0.1", 0)},
        detach=True,
    )
    try:
        container.reload()
        published = container.ports["3306/tcp"] or []
        port = int(published[0]["HostPort"])
        wait_for_login(port, password)
        yield {"endpoint": f"127.0.0.1:{port}", "username": "root", "password": password}
    finally:
        container.remove(force=True, v=True)


def wait_for_login(port: int, password: str) -> None:
    """Return when the server takes the password; fail after two minutes."""
    deadline = time.monotonic() + 120
    while True:
        try:
            pymysql.connect(host="127.0.0.1", port=port, user="root", password=password).close()
        except pymysql.MySQLError:
            assert time.monotonic() < deadline, "MySQL takes no login after two minutes"
            time.sleep(1)
        else:
            return
