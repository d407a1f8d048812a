"""What ends within a month is told, in whichever file it stands; what is renewed in time is not."""

from pathlib import Path
from typing import Any

import pulumi
import pytest
from cryptography import x509

from mailinfra.config import chain, endings
from mailinfra.config.load import warn_of_endings
from tests.certificate_files import DAY, NOW, Files, maker
from tests.unit.form import accepted, form, refused


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Files:
    monkeypatch.chdir(tmp_path)
    return maker()


def told(given: Any) -> list[str]:
    return list(endings.of_files(accepted(given), NOW))


def test_nothing_is_said_of_what_holds_for_months(files: Files) -> None:
    assert told(form(certificate=files(30, 30, 30))) == []
    assert told(form()) == []


def test_the_servers_own_certificate_is_told_a_month_before_its_end(files: Files) -> None:
    end = NOW + 29 * DAY + DAY / 2
    assert told(form(certificate=files(leaf=29))) == [
        f"server.certificate.certificateFile: the server's certificate ends on {end:%Y-%m-%d}, in 29 days, "
        "and mail programs and other servers refuse it then; renew it, and run `up` again; given 'chain.pem'"
    ]


@pytest.mark.parametrize(
    ("days", "said"), [({"branch": 3}, "certificateFile: 'Branch', which vouches for the server's, ends on"),
                       ({"root": 3}, "caFile: 'Root', which vouches for the server's, ends on")]
)  # fmt: skip
def test_a_ca_that_ends_before_what_it_signed_is_told(files: Files, days: dict[str, int], said: str) -> None:
    (line,) = told(form(certificate=files(**days)))
    assert said in line
    assert ", in 3 days, " in line


def test_webmails_own_files_are_told_of_by_their_own_name(files: Files) -> None:
    (line,) = told(form(webmail={"certificate": files(leaf=1)}))
    assert line.startswith("server.webmail.certificate.certificateFile: the server's certificate ends on")
    assert ", in 1 day, " in line


@pytest.mark.parametrize(
    ("days", "life", "is_told"), [(3, 6, False), (1.4, 6, True), (16, 45, False), (14, 45, True)]
)
def test_what_is_renewed_more_often_is_told_in_its_last_third(
    files: Files, days: float, life: float, is_told: bool
) -> None:
    assert bool(told(form(certificate=files(days, days, days, life)))) == is_told


def test_a_ca_that_the_database_or_the_smarthost_is_trusted_by_is_told(files: Files) -> None:
    files(root=20)
    smarthost = {"host": "smart.example.net", "caFile": "ca.pem"}
    (line,) = told(form(smarthost=smarthost))
    assert line.startswith("server.smarthost.caFile: 'Root' ends on")
    external = {"external": {"host": "db.example.net", "administrator": "admin", "caFile": "ca.pem"}}
    (line,) = list(endings.of_files(accepted(form(database=external), database_password=True), NOW))
    assert line.startswith("server.database.external.caFile: 'Root' ends on")
    acme = {"email": "postmaster@example.test", "directory": "https://ca.test/dir", "caFile": "ca.pem"}
    (line,) = told(form(certificate={"acme": acme}))
    assert line.startswith("server.certificate.acme.caFile: 'Root' ends on")


def test_an_old_ca_beside_its_successor_is_not_told_of(files: Files) -> None:
    files(root=20)
    old = Path("ca.pem").read_bytes()
    given = files()
    Path("ca.pem").write_bytes(old + Path("ca.pem").read_bytes())
    assert told(form(certificate=given)) == []
    assert told(form(smarthost={"host": "smart.example.net", "caFile": "ca.pem"})) == []


def test_what_follows_the_signature_of_a_public_ca_may_end(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = files(branch=-3)
    given.pop("caFile")
    roots = x509.load_pem_x509_certificates(Path("ca.pem").read_bytes())
    leaf_signer = x509.load_pem_x509_certificates(Path("chain.pem").read_bytes())[1]
    monkeypatch.setattr(chain, "public_roots", lambda: (*roots, leaf_signer))
    assert told(form(certificate=given)) == [], "an older program finds a way by it, others need it no more"


@pytest.mark.parametrize("days", [{"branch": -3}, {"root": -3}])
def test_what_rests_on_an_expired_ca_is_refused_as_an_expired_certificate_is(
    files: Files, days: dict[str, int]
) -> None:
    assert "expired on" in " ".join(refused(form(certificate=files(**days))))


def test_what_rests_on_a_ca_of_tomorrow_is_refused(files: Files) -> None:
    assert "rests on 'Branch', which is not valid before" in " ".join(
        refused(form(certificate=files(branch=800, life=400)))
    )


def test_a_preview_and_an_update_warn(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(pulumi, "warn", said.append)
    warn_of_endings(accepted(form(certificate=files(leaf=29))))
    assert [line.partition(":")[0] for line in said] == ["server.certificate.certificateFile"]


@pytest.mark.parametrize(
    ("days", "said"),
    [(31, []), (12, ["the CA ends on {end}, in 12 days; do this"]),
     (0, ["the CA ends on {end}, within a day; do this"]), (-1, ["the CA has ended on {end}; do this"])],
)  # fmt: skip
def test_a_certificate_of_the_stacks_own_is_told_with_its_remedy(
    files: Files, days: float, said: list[str]
) -> None:
    files(root=days)
    end = f"{NOW + days * DAY + DAY / 2:%Y-%m-%d}"
    lines = list(endings.of_own("the CA", Path("ca.pem").read_text(), "do this", NOW))
    assert lines == [line.format(end=end) for line in said]


def test_what_is_no_certificate_yet_is_not_told_of() -> None:
    assert list(endings.of_own("the CA", "made later", "do this", NOW)) == []
