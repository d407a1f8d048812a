"""Webmail behind a reverse proxy: nginx and Caddy as docs/reverse-proxies.md has them, and in containers.

Owns the proxies. Does not own webmail itself (test_first_day.py).
"""

import re
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from docker.models.containers import Container
from docker.models.networks import Network

from tests.accounts.server import certificate_files
from tests.e2e import stackfile
from tests.e2e.ground import addresses
from tests.e2e.stack import Stack
from tests.e2e.stackfile import ROOT
from tests.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900), pytest.mark.long]

IMAGE = "mailinfra-e2e-proxies"
NAME = "mail.example.org"
VISITOR = "203.0.113.77"
"""Whom a proxy says that it speaks for."""

DOCUMENTED = dict(
    re.findall(r"^```(nginx|caddy)\n(.*?)^```$", (ROOT / "docs/reverse-proxies.md").read_text(), re.M | re.S)
)


class Straight(urllib.request.HTTPRedirectHandler):
    """Follows nothing: a redirect is an answer."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Return no request."""


def ask(url: str, host: str = NAME) -> tuple[int, str]:
    """Return status and text, or status and target of a redirect."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    opener = urllib.request.build_opener(Straight, urllib.request.HTTPSHandler(context=context))
    request = urllib.request.Request(url, headers={"Host": host, "X-Forwarded-For": VISITOR})
    try:
        with opener.open(request, timeout=20) as answer:
            return answer.status, answer.read().decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        return error.code, str(error.headers.get("Location", ""))


def shows_login(status: int, text: str) -> bool:
    """Return whether a visitor sees the login form."""
    return status == 200 and "rcmloginuser" in text


@pytest.fixture(scope="module")
def elsewhere(second: Stack) -> Iterator[Network]:
    """A network of Docker's that is not the stack's."""
    made = second.docker.networks.create("mailinfra-e2e-proxies", driver="bridge")
    made.reload()
    yield made
    made.remove()


def gateway(network: Network) -> str:
    """Return the machine's own address in a network."""
    return str(network.attrs["IPAM"]["Config"][0]["Gateway"])


@pytest.fixture(scope="module")
def stack(second: Stack, elsewhere: Network) -> Iterator[Stack]:
    """A stack whose proxy is on the host, or comes through its ports."""
    second.docker.images.build(
        path=str(ROOT / "tests/e2e/ground/proxies"),
        tag=IMAGE,
        buildargs={"BASE": second.settings.get("images", {}).get("base", "debian:trixie-slim")},
        network_mode="host",
    )
    listen = [*second.settings["listen"], gateway(elsewhere)]
    second.configure({**second.settings, "listen": listen, "webmail": {"reverseProxy": "host"}})
    second.up()
    yield second
    second.destroy()


def plain_port(stack: Stack) -> int:
    """Return the port of the host that serves proxies."""
    return int(stack.settings["ports"]["webmailRedirect"])


def run(stack: Stack, command: list[str], files: dict[str, str], **options: Any) -> Container:
    """Return a container with these files below /proxy."""
    made = stack.docker.containers.create(IMAGE, command, labels={"mailinfra.test": "proxies"}, **options)
    with_files(made, files)
    made.start()
    return made


def with_files(container: Container, files: dict[str, str]) -> None:
    """Put files below /proxy of a container."""
    import io
    import tarfile

    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(f"proxy/{name}")
            entry.size, entry.mode = len(text.encode()), 0o644
            tar.addfile(entry, io.BytesIO(text.encode()))
    container.put_archive("/", archive.getvalue())


def adapted(text: str, plain: int, secure: int) -> str:
    """Return a documented configuration with the ports and the certificate of this test."""
    text = text.replace("/etc/letsencrypt/live/mail.example.org/fullchain.pem", "/proxy/cert.pem")
    text = text.replace("/etc/letsencrypt/live/mail.example.org/privkey.pem", "/proxy/key.pem")
    return text.replace("127.0.0.1:8000", f"127.0.0.1:{plain}").replace("listen 443", f"listen {secure}")


@pytest.fixture(params=["nginx", "caddy"])
def proxy(request: pytest.FixtureRequest, stack: Stack) -> Iterator[str]:
    """A proxy on the host with the documented configuration; its address."""
    (secure,) = stackfile.free_ports(["secure"]).values()
    text = adapted(DOCUMENTED[request.param], plain_port(stack), secure)
    files = {name: pem for name, pem in certificate_files().items() if name != "ca.pem"}
    if request.param == "nginx":
        files["nginx.conf"] = f"events {{}}\nhttp {{\n{text}}}\n"
        command = ["nginx", "-c", "/proxy/nginx.conf", "-g", "daemon off;"]
    else:
        files["Caddyfile"] = (
            f"{{\n admin off\n auto_https disable_redirects\n https_port {secure}\n}}\n{text}"
        )
        command = ["caddy", "run", "--config", "/proxy/Caddyfile", "--adapter", "caddyfile"]
    made = run(stack, command, files, network_mode="host")
    try:
        yield f"https://127.0.0.1:{secure}/"
    finally:
        made.remove(force=True)


def answered(url: str) -> tuple[int, str]:
    """Return the first answer of a proxy that has just begun."""

    def tried() -> tuple[int, str] | None:
        try:
            return ask(url)
        except (OSError, urllib.error.URLError):
            return None

    return until(tried, 30, f"{url} answers")


def test_webmail_shows_its_login_through_the_proxy(stack: Stack, proxy: str) -> None:
    status, text = answered(proxy)
    assert shows_login(status, text), (status, text[:300])


def test_the_visitor_is_whom_the_proxy_saw_and_not_whom_the_visitor_claims_to_be(
    stack: Stack, proxy: str
) -> None:
    began = time.time()
    answered(proxy)
    lines = stack.journals(since=began)["webmail"].splitlines()
    assert any(line.startswith("127.0.0.1 ") for line in lines), lines
    assert not any(VISITOR in line for line in lines), lines


def test_everybody_else_is_redirected_in_plain_http_and_believed_on_nothing(stack: Stack) -> None:
    inside = str(addresses.SECOND[5])
    said = stack.docker.containers.run(
        IMAGE,
        ["bash", "-c", LOOK.format(host=inside, port=8000, visitor=VISITOR)],
        network=stack.network("front"),
        remove=True,
    ).decode()
    assert " 302 " in said.splitlines()[0]
    # It listens beyond loopback here, so people come by its name.
    name = stack.settings["hostname"]
    assert f"Location: https://{name}:{stack.settings['ports']['webmail']}/" in said, "not who was asked"


def test_a_proxy_in_a_container_of_another_network_is_the_host(stack: Stack, elsewhere: Network) -> None:
    reached = stack.docker.containers.run(
        IMAGE,
        ["bash", "-c", LOOK.format(host=gateway(elsewhere), port=plain_port(stack), visitor=VISITOR)],
        network=elsewhere.name,
        remove=True,
    ).decode()
    assert " 200 " in reached.splitlines()[0], reached[:300]


LOOK = (
    "exec 3<>/dev/tcp/{host}/{port}; "
    "printf 'GET / HTTP/1.0\\r\\nHost: {host}\\r\\nX-Forwarded-For: {visitor}\\r\\n\\r\\n' >&3; cat <&3"
)
"""A request as a proxy in a container sends it."""


def test_a_proxy_without_a_fixed_address_is_believed_by_its_subnet(stack: Stack) -> None:
    subnet = str(addresses.SECOND)
    stack.configure({**stack.settings, "webmail": {"reverseProxy": subnet}})
    stack.up()
    reached = stack.docker.containers.run(
        IMAGE,
        ["bash", "-c", LOOK.format(host="webmail", port=8000, visitor=VISITOR)],
        network=stack.network("front"),
        remove=True,
    ).decode()
    assert " 200 " in reached.splitlines()[0], reached[:300]
    assert VISITOR in stack.journals()["webmail"]


def test_the_documented_configurations_are_the_ones_that_run() -> None:
    assert set(DOCUMENTED) == {"nginx", "caddy"}
    assert Path(ROOT / "docs/reverse-proxies.md").read_text().count("127.0.0.1:8000") >= 3
