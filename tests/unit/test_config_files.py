"""What stands beside the form: an accounts file that cannot be read, and passwords that nobody could use."""

from pathlib import Path
from typing import Any

import pytest

from mailinfra.cli.adopt import as_yaml
from mailinfra.cli.adoption import Adoption
from mailinfra.config.accounts_file import read_accounts
from tests.unit.form import accepted, accounts, form, refused


def mailbox(name: str, **more: Any) -> dict[str, Any]:
    return {"address": f"{name}@example.test", **more}


def test_accounts_in_a_file_of_their_own_are_the_same_accounts(tmp_path: Path) -> None:
    path = tmp_path / "accounts.yaml"
    path.write_text("domains: [{name: example.test}]\nmailboxes: [{address: alice@example.test}]\n")
    found = accepted(form(accounts=str(path))).accounts
    assert found is not None
    assert [one.address for one in found.mailboxes] == ["alice@example.test"]


@pytest.mark.parametrize("text", ["12:30", "no", "off", "1_000", "2026-11-22", "1e", "=", "010:10"])
@pytest.mark.parametrize("head", ["", "%YAML 1.1\n---\n", "%YAML 1.2\n---\n"])
def test_a_text_that_yaml_1_1_took_for_something_else_is_that_text(
    tmp_path: Path, text: str, head: str
) -> None:
    path = tmp_path / "accounts.yaml"
    lists = "domains: [{name: example.test}]\nmailboxes:\n- address: alice@example.test\n  reset: "
    path.write_text(f"{head}{lists}{text}\n")
    if text == "0x1F":
        (line,) = refused(form(accounts=str(path)))
        assert "reset: must be text" in line
        return
    found = accepted(form(accounts=str(path))).accounts
    assert found is not None
    assert found.mailboxes[0].reset == text


def test_what_adopt_writes_is_read_as_it_was(tmp_path: Path) -> None:
    texts = [
        "12:30",
        "no",
        "0o17",
        "1e5",
        "2026-11-22",
        "~",
        "null",
        "#x",
        "'",
        '"',
        "a: b",
        "- a",
        "é",
        "0x1F",
    ]
    declared = [mailbox(f"u{number}", reset=text) for number, text in enumerate(texts)]
    path = tmp_path / "accounts.yaml"
    path.write_text(as_yaml(Adoption(accounts={"mailboxes": declared})))
    assert read_accounts(str(path)) == {"mailboxes": declared}


def test_a_mistake_in_the_accounts_file_names_that_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("accounts.yaml").write_text(
        "domains: [{name: example.test}]\nmailboxes: [{address: eve@other.test}]\n"
    )
    assert refused(form(accounts="accounts.yaml", adresses=[])) == [
        "accounts.yaml: mailboxes.0.address: 'eve@other.test' is in no declared domain; add "
        "'other.test' to 'domains'",
        "server.adresses: is not a setting; did you mean 'addresses'?",
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            None,
            "cannot be read (no such file or directory); correct the path",
        ),
        (
            "domains: [",
            "is not YAML: expected the node content, but found '<stream end>' (line 1, column 11); "
            "correct it",
        ),
        (
            "domains: []\ndomains: []\n",
            "is not YAML: the key 'domains' stands twice (line 2, column 1); correct it there",
        ),
        ("? [a]\n: b\n", "is not YAML: found unhashable key (line 1, column 3); correct it there"),
        ("domains: \x00", "is not YAML: it holds characters that no text has; correct it there"),
    ],
)
def test_an_accounts_file_that_cannot_be_read_is_refused(tmp_path: Path, text: str | None, line: str) -> None:
    path = tmp_path / "accounts.yaml"
    if text is not None:
        path.write_text(text)
    (found,) = refused(form(accounts=str(path)), passwords={"alice@example.test": "hunter2"})
    assert found.startswith(f"server.accounts: {str(path)!r} {line}")


@pytest.mark.parametrize(
    "value",
    [
        "hunter2: [",
        "'hunter2",
        "*hunter2",
        "&hunter2 [&hunter2 x]",
        "!hunter2 x",
        "!hun'ter2 x",
        "!!int hunter2",
    ],
)
def test_a_mistake_in_the_syntax_of_an_accounts_file_quotes_nothing_of_its_line(
    tmp_path: Path, value: str
) -> None:
    path = tmp_path / "accounts.yaml"
    path.write_text(f"mailboxes:\n  - address: a@example.test\n    password: {value}\n")
    (line,) = refused(form(accounts=str(path)))
    assert "is not YAML" in line
    assert "(line 3, column " in line or "(line 4, column 1)" in line
    assert "ter2" not in line


@pytest.mark.parametrize("date", ["2026-11-22", "2026-13-45"])
def test_a_date_in_an_accounts_file_is_the_text_that_it_looks_like(tmp_path: Path, date: str) -> None:
    path = tmp_path / "accounts.yaml"
    path.write_text(
        f"domains: [{{name: example.test}}]\nmailboxes: [{{address: a@example.test, reset: {date}}}]\n"
    )
    found = accepted(form(accounts=str(path))).accounts
    assert found is not None
    assert found.mailboxes[0].reset == date


def test_an_accounts_file_that_is_no_group_of_settings_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "accounts.yaml"
    path.write_text("- alice@example.test\n")
    (line,) = refused(form(accounts=str(path)))
    assert line.startswith(f"{path}: the file: must be 'external' or a group of settings")


def test_external_accounts_are_nobody_here() -> None:
    assert accepted(form(accounts="external")).accounts is None


def test_a_password_for_external_accounts_is_refused() -> None:
    assert refused(form(accounts="external"), passwords={"alice@example.test": "x"}) == [
        "mailinfra:passwords: 'alice@example.test' is of no use with external accounts; remove it"
    ]


def test_a_password_for_an_undeclared_address_is_refused() -> None:
    assert refused(form(), passwords={"eve@example.test": "hunter2"}) == [
        "mailinfra:passwords: 'eve@example.test' is not a declared mailbox; add it, or remove the password"
    ]


def test_two_spellings_of_one_address_are_refused_with_both_places() -> None:
    given = accounts(domains=[{"name": "bücher.test"}], mailboxes=[{"address": "a@bücher.test"}], aliases=[])
    assert refused(given, passwords={"a@bücher.test": "hunter2", "a@xn--bcher-kva.test": "hunter3"}) == [
        "mailinfra:passwords: 'a@xn--bcher-kva.test' is the same address as 'a@bücher.test', with a password "
        "of its own; remove one of the two"
    ]
    assert refused(form(), passwords={"Bob@example.test": "hunter2", "bob@example.test": "hunter3"}) == [
        "mailinfra:passwords: 'Bob@example.test' must be lower case; write 'bob@example.test'",
        "mailinfra:passwords: 'bob@example.test' is the same address as 'Bob@example.test', with a password "
        "of its own; remove one of the two",
    ]


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("Alice@example.test", "must be lower case; write 'alice@example.test'"),
        ("alice", "is not a mail address; write it as 'name@domain'"),
        ("alice+shop@example.test", "holds a '+', which separates a detail from the name; declare 'alice'"),
        ("alice@example", "its domain 'example' is not a full domain name"),
    ],
)
def test_a_malformed_key_of_a_password_is_told_the_rule_of_addresses(key: str, reason: str) -> None:
    (line,) = refused(form(), passwords={key: "hunter2"})
    assert line.startswith(f"mailinfra:passwords: {key!r} {reason}")
    assert "hunter2" not in line


@pytest.mark.parametrize(
    ("mailboxes", "place"),
    [
        ([{"address": "Carol@example.test", "password": "owned"}], "mailboxes.0.address: must be lower case"),
        (["carol@example.test"], "mailboxes.0: must be a group of settings"),
        ("carol@example.test", "mailboxes: must be a list"),
    ],
)
def test_a_password_for_a_malformed_mailbox_is_no_second_mistake(mailboxes: Any, place: str) -> None:
    (line,) = refused(accounts(mailboxes=mailboxes, aliases=[]), passwords={"carol@example.test": "hunter2"})
    assert line.startswith(f"server.accounts.{place}")


def test_an_owned_password_is_declared() -> None:
    given = accounts(mailboxes=[mailbox("alice", password="owned")])
    assert refused(given) == [
        "mailinfra:passwords: 'alice@example.test' is missing, and its mailbox says 'password: owned'; "
        "`pulumi config set --secret --path 'mailinfra:passwords[\"alice@example.test\"]'`"
    ]
    assert accepted(given, passwords={"alice@example.test": "hunter2"})


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("", "is empty"),
        ("{SHA}hunter2", "has the scheme SHA"),
        ("{MD5}hunter2", "has the scheme MD5"),
        ("{SHA1}hunter2", "has the scheme SHA1"),
        ("{SHA512-CRYPT}{SHA512-CRYPT}$6$hunter2", "has more than one scheme prefix"),
        ("{SHA512-CRYPT}hunter2", "is not a well-formed SHA512-CRYPT hash"),
        ("$6$hunter2", "is not a well-formed SHA512-CRYPT hash"),
        ("$1$salt$hunter2", "is an MD5 crypt hash, which is too weak"),
        (
            "{ARGON2ID}$argon2id$v=19$m=262144,t=3,p=1$hunter2hunter2$hunter2hunter2hunter2hunter2",
            "needs more than 65536 KiB",
        ),
        ("hunter2\n", "holds a control character"),
    ],
)
def test_a_password_that_would_never_work_is_refused_and_not_quoted(password: str, reason: str) -> None:
    (line,) = refused(form(), passwords={"alice@example.test": password})
    assert line.startswith(f"mailinfra:passwords: the password of 'alice@example.test' {reason}")
    assert "hunter2" not in line


def argon2(cost: str) -> str:
    return f"{{ARGON2ID}}$argon2id$v=19${cost}$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNo"


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        (f"$2y$03${'a' * 53}", "has cost 3, and BLF-CRYPT is taken with 4 to 15"),
        (f"$2y$16${'a' * 53}", "has cost 16, and BLF-CRYPT is taken with 4 to 15"),
        (argon2("m=65536,t=17,p=1"), "has iterations 17, and ARGON2ID is taken with 1 to 16"),
        (argon2("m=65536,t=0,p=1"), "has iterations 0, and ARGON2ID is taken with 1 to 16"),
        (argon2("m=65536,t=3,p=9"), "has lanes 9, and ARGON2ID is taken with 1 to 8"),
        (argon2("m=31,t=3,p=4"), "has 31 KiB of memory for 4 lanes, and each needs 8 KiB"),
        (argon2("m=99999999999999,t=3,p=4"), "is not a well-formed ARGON2ID hash"),
        (f"$6$rounds=999$salt${'a' * 86}", "has rounds 999, and SHA512-CRYPT is taken with 1000 to 5000000"),
        (f"$6$rounds=5000001$salt${'a' * 86}", "has rounds 5000001, and SHA512-CRYPT is taken with 1000 to"),
        (f"{{PBKDF2}}$1$saltsalt$5000001${'a' * 40}", "has rounds 5000001, and PBKDF2 is taken with 1 to"),
        (f"{{PBKDF2}}$1$saltsalt$0${'a' * 40}", "has rounds 0, and PBKDF2 is taken with 1 to 5000000"),
    ],
)
def test_a_hash_that_no_login_could_wait_for_is_refused_and_not_quoted(password: str, reason: str) -> None:
    (line,) = refused(form(), passwords={"alice@example.test": password})
    assert line.startswith(f"mailinfra:passwords: the password of 'alice@example.test' {reason}")
    assert line.endswith("hash it again") or "copy it again" in line
    assert "salt" not in line
    assert "aaa" not in line


@pytest.mark.parametrize(
    "password",
    [
        argon2("m=65536,t=16,p=8"),
        argon2("m=64,t=1,p=8"),
        f"$2b$04${'a' * 53}",
        f"$2a$15${'a' * 53}",
        f"$6$rounds=5000000$salt${'a' * 86}",
        f"{{PBKDF2}}$1$saltsalt$5000000${'a' * 40}",
        "correct horse battery staple",
        "{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNo",
        f"{{BLF-CRYPT}}$2y$10${'a' * 53}",
        f"{{SHA512-CRYPT}}$6$salt${'a' * 86}",
        f"$6$rounds=5000$salt${'a' * 86}",
    ],
)
def test_passwords_and_sound_hashes_are_taken(password: str) -> None:
    assert accepted(form(), passwords={"alice@example.test": password})


def test_passwords_that_are_no_object_are_refused() -> None:
    assert refused(form(), passwords="hunter2") == [
        "mailinfra:passwords: must be an object of addresses, each with its password"
    ]
