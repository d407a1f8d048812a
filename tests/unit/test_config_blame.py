"""Nobody is blamed for a neighbour's mistake, and each remedy is one that is taken."""

import re
from pathlib import Path
from typing import Any

import pytest

from mailinfra.addresses import ascii_domain, email_address, foreign_address
from mailinfra.config.accounts.lists import AccountsConfig
from tests.unit.form import accepted, accounts, form, refused


@pytest.mark.parametrize("check", [email_address, foreign_address, ascii_domain])
@pytest.mark.parametrize(
    "given",
    [
        "Alice <alice@example.org>", "<alice@example.org>", "Alice Smith <Alice@Example.org>", "Alice",
        "ALICE@EXAMPLE.ORG", "Al ice@example.org", "Alice@", "@Example.org", "Alice@Example", "Example.ORG.",
        "Mail Server.example.org", "Example.org", "A+B@example.org", "MAILTO:alice@example.org",
        "BÜCHER.test",
    ],
)  # fmt: skip
def test_a_remedy_that_says_what_to_write_is_taken_itself(check: Any, given: str) -> None:
    said = ""
    try:
        check(given)
    except ValueError as error:
        said = str(error)
    for remedy in re.findall(r"write '([^']*)'", said.replace("write it as 'name@domain'", "")):
        assert check(remedy), said


def test_an_address_with_a_name_around_it_gets_the_address_as_remedy() -> None:
    with pytest.raises(ValueError, match=r"name around the address; write 'alice@example\.org'"):
        email_address("Alice <Alice@example.org>")


@pytest.mark.parametrize("entry", [{"password": "owned"}, {"adress": "bob@example.test"}, {"address": 7}, 7])
def test_a_mailbox_without_an_address_is_not_blamed_on_the_passwords(entry: Any) -> None:
    given = accounts(mailboxes=[{"address": "alice@example.test"}, entry])
    lines = refused(given, passwords={"bob@example.test": "correct horse battery"})
    assert not [line for line in lines if "mailinfra:passwords" in line], lines


def test_a_password_of_nobody_is_still_named_where_every_mailbox_has_an_address() -> None:
    (line,) = refused(accounts(), passwords={"carol@example.test": "correct horse battery"})
    assert line.startswith("mailinfra:passwords: 'carol@example.test' is not a declared mailbox")


def test_a_misspelt_certificate_file_is_not_blamed_on_the_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, certificate_files: dict[str, str]
) -> None:
    # The example of the setting stands in for it: here, a certificate that this key does not belong to.
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tls").mkdir()
    (tmp_path / "tls" / "fullchain.pem").write_text(certificate_files["another"])
    (tmp_path / "key.pem").write_text(certificate_files["key"])
    lines = refused(form(certificate={"certificatFile": "cert.pem", "keyFile": "key.pem"}))
    assert sorted(line.split(": ")[0] for line in lines) == [
        "server.certificate.certificatFile",
        "server.certificate.certificateFile",
    ]
    lines = refused(form(certificate={"certificatFile": "cert.pem", "keyFile": "gone.pem"}))
    assert any(line.startswith("server.certificate.keyFile: cannot be read") for line in lines), lines


@pytest.fixture
def certificate_files() -> dict[str, str]:
    """Return a key, and a certificate of another one."""
    from tests.accounts.server import certificate_files as made

    return {"key": made()["key.pem"], "another": made()["cert.pem"]}


@pytest.mark.parametrize(
    ("hostname", "domain"),
    [
        ("mx.mail.example.org", "mail.example.org"),
        ("mail.example.org", "mail.example.org"),
        ("mx.example.org", "example.org"),
        ("example.org", "example.org"),
        ("mx.anexample.org", "a.test"),
        ("elsewhere.test", "a.test"),
    ],
)
def test_the_nearest_domain_owns_the_postmaster_of_a_host(hostname: str, domain: str) -> None:
    names = ["example.org", "mail.example.org", "a.test"]
    found = AccountsConfig.model_validate(
        {
            "domains": [{"name": name} for name in names],
            "mailboxes": [{"address": f"postmaster@{name}"} for name in names],
        }
    )
    assert found.postmaster(hostname) == f"postmaster@{domain}"


def test_a_domain_whose_only_mailbox_sends_only_is_told_so() -> None:
    only = [{"address": "printer@example.test", "receives": False}]
    (line,) = refused(accounts(mailboxes=only, aliases=[]))
    assert line == (
        "server.accounts.domains.0: nobody here receives mail to postmaster and abuse, which every domain "
        "answers for (RFC 2142): 'printer@example.test' only sends; let it receive, or name an alias under "
        "'postmaster'"
    )
    reader = {"address": "alice@example.test"}
    assert accepted(accounts(mailboxes=[*only, reader], aliases=[])).accounts is not None
