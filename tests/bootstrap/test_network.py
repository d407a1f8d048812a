"""Whether something answers: never for longer than a few seconds, whatever the other side does."""

import contextlib
import http.server
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bootstrap.network import answers
from bootstrap.registry import registry_answers
from tests.bootstrap.conftest import World


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    answers.cache_clear()
    monkeypatch.setattr("bootstrap.registry.PROBE_SECONDS", 0.5)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)


@contextlib.contextmanager
def site(status: int) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@contextlib.contextmanager
def silence(where: str | tuple[str, int]) -> Iterator[socket.socket]:
    """Something that takes connections and never says a word."""
    with socket.socket(socket.AF_UNIX if isinstance(where, str) else socket.AF_INET) as listener:
        listener.bind(where)
        listener.listen()
        yield listener


@pytest.mark.parametrize("status", [200, 403, 404, 503])
def test_any_answer_of_a_site_counts(status: int) -> None:
    with site(status) as url:
        assert answers(url, 3)


def test_a_site_that_never_answers_costs_seconds_and_only_once() -> None:
    with silence(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        began = time.monotonic()
        assert not answers(url, 0.5)
        assert not answers(url, 0.5)
        assert time.monotonic() - began < 0.95, "the second question must not wait again"


def test_a_name_that_never_resolves_costs_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(*_: object, **__: object) -> None:
        time.sleep(3)
        raise OSError("no such host")

    monkeypatch.setattr("urllib.request.urlopen", resolve)
    began = time.monotonic()
    assert not answers("https://nowhere.invalid/", 0.3)
    assert time.monotonic() - began < 2


def test_a_closed_door_is_no_answer() -> None:
    with silence(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert not answers(f"http://127.0.0.1:{port}/", 2)


@contextlib.contextmanager
def daemon(path: Path, response: bytes) -> Iterator[list[bytes]]:
    """A Docker engine whose only word is `response`."""
    heard: list[bytes] = []

    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            heard.append(connection.recv(4096))
            connection.sendall(response)

    with silence(str(path)) as listener:
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        yield heard
        thread.join(2)


def test_the_daemon_is_asked_for_the_very_image(world: World, tmp_path: Path) -> None:
    machine = world.machine(DOCKER_HOST=f"unix://{tmp_path}/d.sock")
    with daemon(tmp_path / "d.sock", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}") as heard:
        assert registry_answers(machine, "debian:trixie-slim@sha256:00ff")
    assert heard[0].startswith(b"GET /distribution/debian%3Atrixie-slim%40sha256%3A00ff/json HTTP/1.1")


def test_a_registry_that_the_daemon_cannot_find_is_a_no(world: World, tmp_path: Path) -> None:
    world.program("docker", f"echo unix://{tmp_path}/d.sock")
    with daemon(tmp_path / "d.sock", b"HTTP/1.1 500 no such host\r\nContent-Length: 0\r\n\r\n"):
        assert not registry_answers(world.machine(), "debian:trixie-slim")


def test_a_registry_that_hangs_is_a_no_within_seconds(world: World, tmp_path: Path) -> None:
    machine = world.machine(DOCKER_HOST=f"unix://{tmp_path}/d.sock")
    began = time.monotonic()
    with silence(f"{tmp_path}/d.sock"):
        assert not registry_answers(machine, "debian:trixie-slim")
    assert time.monotonic() - began < 3


def test_a_daemon_elsewhere_is_asked_through_its_client(world: World) -> None:
    world.program("docker", "exit 0")
    assert registry_answers(world.machine(DOCKER_HOST="tcp://192.0.2.1:2376"), "debian:trixie-slim")
    assert world.calls == ["docker manifest inspect debian:trixie-slim"]
