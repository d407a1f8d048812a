"""The container that renews a certificate, from its image and with its rendered settings, against a CA."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from tests.certificates.authority import DIRECTORY, own_certificate, put
from tests.certificates.conftest import HOSTNAME, HTTP_PORT, Renewing, Yard, place
from tests.waiting import until

pytestmark = [pytest.mark.certificates, pytest.mark.timeout(300)]

SHOWN = "a new certificate is shown"


@pytest.fixture(scope="module")
def renewed(yard: Yard) -> Renewing:
    """Return who has renewed once, with webmail beside it."""
    volumes = yard.volumes()
    yard.ca.lead(HOSTNAME, yard.ca.address(yard.ca.names))
    made = yard.renewing(volumes)
    made.hears("no certificate (webmail): webmail does not answer yet")
    assert made.status()["by_acme"] is False
    assert made.run("cat", "/tls/current/chain.pem").strip() == yard.own.strip(), "until there is another one"
    yard.webmail(volumes["/tls"])
    made.hears(SHOWN)
    return made


def orders(yard: Yard) -> int:
    """Return how many certificates the CA was asked for."""
    return yard.ca.pebble.logs().decode().count("Issued certificate serial")


def form(key: bytes) -> bytes:
    return (
        load_pem_private_key(key, None)
        .public_key()
        .public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    )


def test_the_first_certificate_is_of_the_key_that_was_there_and_may_be_read_by_its_group_alone(
    yard: Yard, renewed: Renewing
) -> None:
    shown = renewed.shown()
    public = shown.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert public == form(yard.key), "a TLSA record names it"
    status = renewed.status()
    assert status["by_acme"]
    assert status["issuer"].startswith("Pebble Intermediate CA")
    assert (status["kind"], status["reason"]) == ("", "")
    assert renewed.run("cat", "/tls/current/issuer").decode() == DIRECTORY
    modes = (
        renewed.run("sh", "-c", "stat -L -c '%a %u:%g' /tls/current /tls/current/*.pem").decode().split("\n")
    )
    assert set(modes[:-1]) == {"750 61013:61013", "640 61013:61013"}
    assert renewed.run("healthy") == b""


def test_after_destroy_and_up_a_good_certificate_is_shown_and_no_other_one_is_asked_for(
    yard: Yard, renewed: Renewing
) -> None:
    before, asked = renewed.run("readlink", "/tls/current"), orders(yard)
    renewed.container.remove(force=True)
    again = yard.renewing(renewed.volumes)
    until(lambda: again.container.exec_run("healthy").exit_code == 0, 60, "it is healthy")
    renewed.container = again.container
    assert again.run("readlink", "/tls/current") == before
    assert again.status()["by_acme"]
    assert orders(yard) == asked, "public CAs limit duplicates"
    assert "asking for" not in again.said()


def test_a_certificate_that_the_ca_revokes_is_renewed_before_its_time(yard: Yard, renewed: Renewing) -> None:
    lost = renewed.shown().serial_number
    lego = ["lego", "--path", "/acme/lego", "--server", DIRECTORY, "--email", "postmaster@example.test"]
    words = " ".join([*lego, "--domains", HOSTNAME, "revoke", "--keep"])
    renewed.run("sh", "-c", f"LEGO_CA_CERTIFICATES=/etc/mailinfra/ca.pem {words}")
    assert yard.ca.revoked(lost)
    renewed.container.restart(timeout=5)
    renewed.hears("the CA wants it renewed")
    until(lambda: renewed.shown().serial_number != lost, 60, "another one is shown")
    assert not yard.ca.revoked(renewed.shown().serial_number)


@contextmanager
def away(yard: Yard) -> Iterator[None]:
    """Have the CA be away for a while; it comes back with all that it knew."""
    network = yard.client.networks.get(yard.network)
    address = yard.ca.address(yard.ca.pebble)
    network.disconnect(yard.ca.pebble)
    try:
        yield
    finally:
        network.connect(yard.ca.pebble, ipv4_address=None, aliases=["authority"])
        yard.ca.lead("authority", yard.ca.address(yard.ca.pebble) or address)


def test_what_is_wrong_is_told_apart_before_a_try_is_spent(yard: Yard) -> None:
    volumes = yard.volumes()
    webmail = yard.webmail(volumes["/tls"])
    asked = orders(yard)
    with away(yard):
        made = yard.renewing(volumes)
        made.hears("no certificate (ca): the CA at https://authority:14000/dir cannot be reached")
    told = {
        "name": "mail.example.test has no address in the DNS",
        "port 80": "port 80 of mail.example.test answers 302, and not with what webmail has",
    }
    yard.ca.lead(HOSTNAME)
    seen = len(made.said())
    made.container.restart(timeout=5)
    made.hears(f"no certificate (name): {told['name']}", since=seen)
    yard.ca.lead(HOSTNAME, yard.ca.address(webmail))
    webmail.exec_run(["touch", "/tmp/elsewhere"])
    seen = len(made.said())
    made.container.restart(timeout=5)
    made.hears(f"no certificate (port 80): {told['port 80']}", since=seen)
    status = made.status()
    assert (status["kind"], status["by_acme"]) == ("port 80", False)
    assert orders(yard) == asked
    assert b".crt" not in made.run("find", "/acme")
    webmail.exec_run(["rm", "/tmp/elsewhere"])


def test_a_name_that_leads_to_a_shut_port_costs_one_try_and_not_a_second_one_at_a_new_start(
    yard: Yard,
) -> None:
    volumes = yard.volumes()
    yard.webmail(volumes["/tls"])
    yard.ca.lead(HOSTNAME, yard.ca.address(yard.ca.names))
    made = yard.renewing(volumes)
    made.hears("no certificate (port 80): the CA cannot reach port 80; open it in the firewall")
    assert f"port 80 of {HOSTNAME} cannot be reached from here" in made.said()
    validations = yard.ca.pebble.logs().decode().count("Pulled a task")
    seen = len(made.said())
    made.container.restart(timeout=5)
    until(lambda: made.container.exec_run("healthy").exit_code == 0, 60, "it is healthy")
    assert "asking for" not in made.said()[seen:]
    assert yard.ca.pebble.logs().decode().count("Pulled a task") == validations
    assert 600 < made.status()["next_try"] - time.time() <= 900


def test_a_limit_of_the_ca_is_kept_to_until_the_time_that_it_names(yard: Yard) -> None:
    volumes = yard.volumes()
    yard.webmail(volumes["/tls"])
    directory, trusted = yard.limited()
    made = yard.renewing(volumes, directory=f"{directory}/dir", trusted=trusted)
    said = made.hears("no certificate (limit): the CA's limit is reached")
    assert "too many certificates (5) already issued" in said
    assert "Next try at 2099-01-02 03:04:05 UTC" in said
    assert made.status()["kind"] == "limit"


@pytest.mark.long
def test_a_caa_record_that_forbids_the_ca_costs_no_try_and_none_is_waited_for_once_it_allows_it(
    yard: Yard,
) -> None:
    volumes = yard.volumes()
    yard.webmail(volumes["/tls"])
    directory, trusted = yard.limited()
    asked = orders(yard)
    yard.ca.write("add-caa", host="example.test.", policies=[{"tag": "issue", "value": "other.test"}])
    try:
        made = yard.renewing(volumes, directory=f"{directory}/caa", trusted=trusted)
        said = made.hears(
            "no certificate (caa): the CAA record of example.test allows other.test, and this CA is"
        )
        assert "limited.test; add it there (make dns)" in said
        assert (orders(yard), b".key" in made.run("find", "/acme")) == (asked, False), "not even an account"
        policies = [{"tag": "issue", "value": one} for one in ("other.test", "limited.test")]
        yard.ca.write("add-caa", host="example.test.", policies=policies)
        made.container.restart(timeout=5)
        made.hears(SHOWN)
    finally:
        yard.ca.write("clear-caa", host="example.test.")


@pytest.mark.long
def test_a_wrong_clock_is_told_and_what_the_ca_gave_meanwhile_is_shown_once_it_is_right(
    tmp_path: Path,
) -> None:
    with place(tmp_path, 10 * 86400) as yard:
        volumes = yard.volumes()
        yard.webmail(volumes["/tls"])
        made = yard.renewing(volumes, clock="-3d")

        def set_to(clock: str, *words: str) -> None:
            seen = len(made.said())
            put(made.container, {"/clock": clock.encode()})
            made.container.restart(timeout=5)
            for one in words:
                made.hears(one, since=seen)

        made.hears("no certificate (clock): by this machine's clock,")
        assert "the CA's own certificate has ended or has not begun; set the clock" in made.said()
        set_to("+60d", "the CA's own certificate has ended or has not begun; set the clock")
        assert orders(yard) == 0
        set_to("+20d", "has ended; set the clock, and it is shown")
        assert (orders(yard), made.status()["kind"], made.status()["by_acme"]) == (1, "clock", False)
        set_to("-1h")
        until(lambda: made.container.exec_run("healthy").exit_code == 0, 60, "it is healthy")
        put(made.container, {"/clock": b"+0"})  # while it runs
        made.hears(SHOWN)
        assert (orders(yard), made.status()["kind"], made.status()["by_acme"]) == (1, "", True)


def signed(
    key: ec.EllipticCurvePrivateKey, subject: str, by: ec.EllipticCurvePrivateKey, issuer: str
) -> bytes:
    """Return a certificate of a name."""
    since = datetime.now(UTC) - timedelta(days=1)
    name, signer = (
        x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, one)]) for one in (subject, issuer)
    )
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(signer).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(since)
    builder = builder.not_valid_after(since + timedelta(days=30))
    names = x509.SubjectAlternativeName([x509.DNSName(subject)])
    made = builder.add_extension(names, critical=False).sign(by, hashes.SHA256())
    return made.public_bytes(Encoding.PEM)


def test_files_with_a_chain_in_the_wrong_order_are_not_shown_until_it_is_right(yard: Yard) -> None:
    own, between, root = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
    leaf = signed(own, HOSTNAME, between, "between")
    chain = [signed(between, "between", root, "root"), signed(root, "root", root, "root")]
    private = own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    made = yard.handing_on()
    for order in ([leaf, *reversed(chain)], [chain[0], leaf]):
        seen = len(made.said())
        put(made.container, {"/files/mail/key.pem": private, "/files/mail/chain.pem": b"".join(order)})
        made.hears("mail: what the files hold is not shown: ", since=seen)
    assert made.said().count("the chain is in the wrong order") == 1
    assert "the certificate is not that of the key" in made.said()
    assert made.container.exec_run("healthy").exit_code == 1, "nothing can be shown"
    put(made.container, {"/files/mail/chain.pem": b"".join([leaf, *chain])})
    made.hears("mail: a certificate is shown")
    assert made.shown().public_bytes(Encoding.PEM) == leaf
    put(made.container, {"/files/mail/chain.pem": b"".join([leaf, *reversed(chain)])})
    made.hears("not shown", since=len(made.said()))
    assert made.shown().public_bytes(Encoding.PEM) == leaf, "what was shown goes on being shown"


def test_a_record_in_the_dns_answers_the_ca_where_nothing_is_reached_from_outside(yard: Yard) -> None:
    volumes = yard.volumes()
    yard.webmail(volumes["/tls"])
    yard.ca.lead(HOSTNAME)
    asks = {"provider": "httpreq", "checkPropagation": False}
    without = yard.renewing(yard.volumes(), dns=asks)
    without.hears("no certificate (provider): who serves the zone was not told to write the record")
    credentials = {"HTTPREQ_ENDPOINT": f"http://webmail:{HTTP_PORT}"}
    made = yard.renewing(volumes, dns=asks, credentials=credentials)
    made.hears(SHOWN)
    assert made.status()["by_acme"]
    assert "HTTPREQ" not in made.said()


@pytest.mark.long
def test_a_certificate_is_renewed_in_time_again_and_again(tmp_path: Path) -> None:
    with place(tmp_path, 24) as yard:
        volumes = yard.volumes()
        yard.webmail(volumes["/tls"])
        made = yard.renewing(volumes)
        seen: list[int] = []
        for _ in range(3):
            found = until(
                lambda: made.shown() if made.said().count(SHOWN) > len(seen) else None, 60, "another one"
            )
            seen.append(found.serial_number)
        assert len(set(seen)) == 3
        assert made.run("sh", "-c", "ls -d /tls/2*").decode().count("\n") == 4, (
            "those of before stay for who reads them once more"
        )


def test_a_rotated_key_gets_a_certificate_of_its_own_at_once(yard: Yard, renewed: Renewing) -> None:
    renewed.container.remove(force=True)
    webmail = yard.webmail(renewed.volumes["/tls"])
    key, own = own_certificate([HOSTNAME])
    yard.ca.restart()  # it knows nothing of before, as a CA that was lost and made anew
    again = yard.renewing(renewed.volumes, key=key, own=own)
    again.hears("the key is another one, which was rotated")
    again.hears("the CA does not know our account any more")
    again.hears(SHOWN)
    public = again.shown().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert public == form(key)
    assert public != form(yard.key)
    webmail.stop(timeout=1)
