"""The way to the database, and what is said where it leads nowhere."""

from pathlib import Path
from typing import Any

import pytest

from mailinfra.provider.database import connected
from mailinfra.provider.errors import ProviderError
from mailinfra.provider.importing import connection_for

CONNECTION = {"host": "127.0.0.1", "port": 1.0, "user": "root", "password": "x", "database": "mail"}


def refusal(**changes: Any) -> str:
    """Return what a person reads when the connection cannot be made."""
    with pytest.raises(ProviderError) as refused, connected({**CONNECTION, **changes}):
        pass
    assert "\n" not in str(refused.value)
    return str(refused.value)


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Say everything that an import needs."""
    for name, value in {"HOST": "db.example.org", "PORT": "3306", "USER": "admin", "PASSWORD": "x"}.items():
        monkeypatch.setenv(f"MAILINFRA_DATABASE_{name}", value)
    return monkeypatch


def test_a_server_that_does_not_run_is_named_with_the_remedy() -> None:
    said = refusal()
    assert said.startswith("database 'mail' at 127.0.0.1:1: Can't connect to MySQL server")
    assert said.endswith("start the server, or correct host and port")


def test_a_ca_that_is_no_certificate_is_named_with_the_remedy() -> None:
    assert refusal(ca="no certificate") == (
        "database 'mail': the CA to trust is not a PEM certificate, which starts with "
        "'-----BEGIN CERTIFICATE-----'; name the file of the CA that signed the server's certificate"
    )


def test_a_host_that_is_no_name_is_named_with_the_remedy() -> None:
    said = refusal(host="db..example.org")
    assert said.startswith("database host 'db..example.org': is not a name or IP address")


def test_an_import_takes_the_way_from_the_environment(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "ca.pem").write_text("the CA")
    environment.setenv("MAILINFRA_DATABASE_CA_FILE", f"{tmp_path}/ca.pem")
    found = connection_for("mail", None)
    assert (found["host"], found["port"], found["ca"]) == ("db.example.org", 3306.0, "the CA")


@pytest.mark.parametrize("port", ["mysql", "0", "65536", "-1", ""])
def test_a_port_that_is_none_is_refused(environment: pytest.MonkeyPatch, port: str) -> None:
    environment.setenv("MAILINFRA_DATABASE_PORT", port)
    with pytest.raises(ProviderError) as refused:
        connection_for("mail", None)
    assert str(refused.value) == (
        f"MAILINFRA_DATABASE_PORT: {port!r} is not a port; write a number from 1 to 65535"
    )


@pytest.mark.parametrize(
    ("path", "reason"), [("gone.pem", "no such file or directory"), (".", "is a directory")]
)
def test_a_ca_file_that_cannot_be_read_is_refused(
    environment: pytest.MonkeyPatch, tmp_path: Path, path: str, reason: str
) -> None:
    environment.setenv("MAILINFRA_DATABASE_CA_FILE", f"{tmp_path}/{path}")
    with pytest.raises(ProviderError) as refused:
        connection_for("mail", None)
    assert str(refused.value) == (
        f"MAILINFRA_DATABASE_CA_FILE: '{tmp_path}/{path}' cannot be read ({reason}); correct the path"
    )
