"""The records at the terminal: a zone file that name servers take, and what the DNS has, kind by kind."""

import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dns.rdatatype
import dns.zone
import pytest
from typer.testing import CliRunner

from mailinfra.cli.dns.__main__ import app
from mailinfra.cli.dns.records import Record, read, zones
from mailinfra.cli.dns.zone_file import STRING, rdata, strings, zone_file
from mailinfra.components.dkim import public_record
from mailinfra.components.dns import DnsArgs, dns_records
from mailinfra.config.dkim import DkimConfig
from mailinfra.config.mta_sts import MtaSts
from mailinfra.config.network import PortsConfig
from mailinfra.docgen.declared import sample_key
from tests.name_server import NameServer, serving

HOST = "mail.example.test"
DOMAINS = ["example.test", "second.example", "third.example"]
KEYS = {"rsa-1": "signing", "ed25519-1": "signing", "rsa-2": "published"}


def records(**given: Any) -> list[dict[str, Any]]:
    """Return the output `dns_records` of a server with three domains, or as given."""
    kinds = {"rsa": "RSA", "ed25519": "ED25519"}
    keys = {
        selector: public_record(selector, sample_key(kinds[selector.partition("-")[0]], "")["publicKeyPem"])
        for selector in KEYS
    }
    values: dict[str, Any] = {
        "hostname": HOST,
        "addresses": ["192.0.2.25", "2001:db8::25"],
        "domains": DOMAINS,
        "ports": PortsConfig.model_validate({"pop3": False}),
        "dkim": DkimConfig.model_validate({"keys": KEYS}),
        "dkim_records": keys,
        "certificate_keys": [sample_key("ECDSA", "")["publicKeyPem"]],
        "authorities": ["letsencrypt.org"],
        "mta_sts": MtaSts.TESTING,
        **given,
    }
    return [record.output() for record in dns_records(DnsArgs(**values))]


def files(given: list[dict[str, Any]]) -> dict[str, str]:
    """Return zone -> its file; those of the addresses' owner, too."""
    found = read(json.dumps(given))
    reverse = {one.zone: [each for each in found if each.zone == one.zone] for one in found if one.is_reverse}
    return {zone: zone_file(zone, rows, HOST, 1) for zone, rows in {**zones(found), **reverse}.items()}


@pytest.fixture(scope="module")
def wanted() -> list[dict[str, Any]]:
    return records()


# The zone file


def test_binds_checker_takes_every_zone(wanted: list[dict[str, Any]], tmp_path: Path) -> None:
    assert shutil.which("named-checkzone"), (
        "is missing: `make test` brings it, or apt-get install bind9-utils"
    )
    made = files(wanted)
    assert {*DOMAINS, "2.0.192.in-addr.arpa"} < set(made)
    for zone, text in made.items():
        (tmp_path / "zone").write_text(text)
        done = subprocess.run(
            ["named-checkzone", "-i", "local", zone, str(tmp_path / "zone")],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        said = [line for line in done.stdout.splitlines() if not re.search(r"loaded serial|^OK$", line)]
        assert said == [], "a warning is a fault that a provider may refuse"


def test_a_zone_file_holds_each_record_once_and_nothing_else(wanted: list[dict[str, Any]]) -> None:
    for zone, text in files(wanted).items():
        parsed = dns.zone.from_text(text, origin=zone, relativize=False)
        held = sorted(
            (name.to_text(omit_final_dot=True), dns.rdatatype.to_text(rdata.rdtype))
            for name, _, rdata in parsed.iterate_rdatas()
            if rdata.rdtype not in {dns.rdatatype.SOA, dns.rdatatype.NS}
        )
        assert held == sorted((each["name"], each["type"]) for each in wanted if each["zone"] == zone)


def test_names_in_a_zone_file_are_absolute(wanted: list[dict[str, Any]]) -> None:
    """Pasted under another $ORIGIN they still mean the same."""
    text = files(wanted)["second.example"]
    moved = f"$ORIGIN deep.second.example.\n{text}"
    plain, pasted = (
        dns.zone.from_text(one, origin="second.example", relativize=False) for one in (text, moved)
    )
    assert plain == pasted
    lines = [line for line in text.splitlines() if line and line[0] not in ";$"]
    assert all(line.split()[0].endswith(".") for line in lines)
    assert all(line.endswith(".") for line in lines if re.search(r" IN (MX|CNAME|SRV|NS) ", line))


def test_a_long_text_is_cut_into_strings_that_together_are_the_text(wanted: list[dict[str, Any]]) -> None:
    (key,) = [each for each in wanted if each["name"] == f"rsa-1._domainkey.{HOST}"]
    assert len(key["value"]) > STRING
    parsed = dns.zone.from_text(files(wanted)["example.test"], origin="example.test", relativize=False)
    (text,) = parsed.find_rdataset(f"rsa-1._domainkey.{HOST}.", "TXT")
    assert all(len(part) <= STRING for part in text.strings)
    assert b"".join(text.strings).decode() == key["value"]


@pytest.mark.parametrize("text", ['a "quote"', "a \\ backslash", "Zürich", "tab\tand\x00nul", "", "x" * 600])
def test_any_text_comes_out_of_a_zone_file_as_it_went_in(text: str) -> None:
    record = Record(
        zone="a.test", name="a.test", type="TXT", value=text, ttl=60, purpose="A test.", urgency="optional"
    )
    zone = (
        f"a.test. IN SOA a.test. a.test. 1 1 1 1 1\na.test. IN NS b.test.\na.test. IN TXT {rdata(record)}\n"
    )
    (found,) = dns.zone.from_text(zone, origin="a.test", relativize=False).find_rdataset("a.test.", "TXT")
    assert b"".join(found.strings) == text.encode()
    assert [len(part) for part in strings("x" * 600)] == [255, 255, 90]


# The check


class Checked:
    """What `check` ended with and said."""

    def __init__(self, code: int, text: str) -> None:
        self.code = code
        self.text = text

    def state(self, name: str, kind: str) -> str:
        """Return what has become of a record."""
        pattern = rf"│ (\w+) +│ \w+ +│ {re.escape(name)} +│ {kind} "
        (found,) = re.findall(pattern, self.text)
        return str(found)

    def not_right(self) -> list[tuple[str, str, str]]:
        """Return state, name and type of all that is not right."""
        rows = re.findall(r"│ (\w+) +│ \w+ +│ (\S+) +│ (\w+) +│", self.text)
        return [row for row in rows if row[0] != "right"]


Check = Callable[..., Checked]


@pytest.fixture
def check(wanted: list[dict[str, Any]], tmp_path: Path) -> Check:
    """Checks the records of the stack against zones that somebody wrote."""

    def run(
        there: list[dict[str, Any]] | dict[str, str], *words: str, server: NameServer | None = None
    ) -> Checked:
        (tmp_path / "records.json").write_text(json.dumps(wanted))
        zones = there if isinstance(there, dict) else files(there)
        with serving(server or NameServer(zones)) as names:
            patience = [] if "--seconds" in words else ["--seconds", "60"]  # a machine at work
            given = ["check", "--records", str(tmp_path / "records.json"), *patience, *words]
            done = CliRunner().invoke(app, [*given, "--resolver", f"127.0.0.1@{names.port}"])
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return Checked(done.exit_code, done.output)

    return run


def with_value(given: list[dict[str, Any]], name: str, kind: str, *values: str) -> list[dict[str, Any]]:
    """Return the records with other ones of a name and a type; without any it is gone."""
    (old,) = [each for each in given if (each["name"], each["type"]) == (name, kind)]
    others = [each for each in given if each is not old]
    return [*others, *({**old, "value": value} for value in values)]


def test_a_zone_made_from_the_records_passes(check: Check, wanted: list[dict[str, Any]]) -> None:
    found = check(wanted)
    assert found.not_right() == []
    assert found.code == 0, found.text
    assert f"{len(wanted)} right; all that is required is right" in found.text


def test_an_empty_dns_misses_everything_and_ends_with_1(check: Check, wanted: list[dict[str, Any]]) -> None:
    found = check({})
    assert {row[0] for row in found.not_right()} == {"missing"}
    assert len(found.not_right()) == len(wanted)
    assert found.code == 1


RSA = sample_key("RSA", "")["publicKeyPem"]
KEY = public_record("rsa-1", RSA)
P = KEY.partition("p=")[2]

DAMAGE: list[tuple[str, str, list[str], str, int]] = [
    # name, type, what stands there, what is said, how it ends
    (HOST, "A", ["192.0.2.99"], "is another address", 1),
    (HOST, "A", ["192.0.2.25", "192.0.2.99"], "leads to 192.0.2.99, too", 1),
    (HOST, "AAAA", ["2001:db8::99"], "is another address", 1),
    ("25.2.0.192.in-addr.arpa", "PTR", ["static-25.provider.example"], "is another name", 1),
    ("second.example", "MX", ["mx.elsewhere.example"], "leads to another server", 1),
    ("second.example", "MX", [HOST, "mx.elsewhere.example"], "mx.elsewhere.example first or as often", 1),
    ("second.example", "TXT", ["v=spf1 a -all"], "has no 'mx' before its end", 1),
    ("second.example", "TXT", ["v=spf1 -all mx"], "has no 'mx' before its end", 1),
    ("second.example", "TXT", ["v=spf1 -mx ~all"], "has no 'mx' before its end", 1),
    ("second.example", "TXT", ["v=spf1 mx"], "has no end", 1),
    ("second.example", "TXT", ["v=spf1 mx ?all"], "so anybody may send", 1),
    ("second.example", "TXT", ["v=spf1 mx all"], "so anybody may send", 1),
    ("second.example", "TXT", ["v=spf1 mx ~all", "v=spf1 -all"], "stands 2 times", 1),
    (HOST, "TXT", ["v=spf1 ip4:198.51.100.0/24 -all"], "has no 'a' before its end", 0),
    (f"rsa-1._domainkey.{HOST}", "TXT", [f"v=DKIM1; k=rsa; p={P[::-1]}"], "is another key", 1),
    (f"rsa-1._domainkey.{HOST}", "TXT", ["v=DKIM1; k=rsa; p="], "is revoked", 1),
    (f"rsa-1._domainkey.{HOST}", "TXT", [f"v=DKIM1; k=ed25519; p={P}"], "is another key", 1),
    (f"rsa-1._domainkey.{HOST}", "TXT", [f"v=DKIM1; h=sha1; p={P}"], "forbids SHA-256", 1),
    (f"rsa-1._domainkey.{HOST}", "TXT", [f"v=DKIM1; s=other; p={P}"], "is not for mail", 1),
    (f"rsa-1._domainkey.{HOST}", "TXT", [f"v=DKIM1; t=y; p={P}"], "is only tried", 1),
    (f"rsa-1._domainkey.{HOST}", "TXT", [KEY, "v=DKIM1; p=AAAA"], "stands 2 times", 1),
    ("_dmarc.second.example", "TXT", ["v=DMARC1; rua=mailto:a@b.example"], "has no policy", 0),
    ("_dmarc.second.example", "TXT", ["v=DMARC1; p=reject"], "asks for no reports", 0),
    ("_imaps._tcp.second.example", "SRV", ["0 993 elsewhere.example"], "another server or port", 0),
    ("_imaps._tcp.second.example", "SRV", [f"0 1993 {HOST}"], "another server or port", 0),
    ("_pop3._tcp.second.example", "SRV", [f"0 110 {HOST}"], "offers what is off here", 0),
    ("autoconfig.second.example", "CNAME", ["elsewhere.example"], "leads to another server", 0),
    (HOST, "CAA", ['0 issue "digicert.com"'], "lets others sign, and not this one", 0),
    (HOST, "CAA", ['0 issue ";"'], "lets nobody sign", 0),
    (f"_25._tcp.{HOST}", "TLSA", [f"3 1 1 {'0' * 64}"], "names another key", 0),
    ("_mta-sts.second.example", "TXT", ["v=STSv1; id=20200101"], "names another policy", 0),
    ("_smtp._tls.second.example", "TXT", ["v=TLSRPTv1;"], "names nobody who gets the reports", 0),
]


@pytest.mark.parametrize(
    ("name", "kind", "there", "said", "code"),
    DAMAGE,
    ids=[f"{kind} {name} {there[-1][:30]}" for name, kind, there, *_ in DAMAGE],
)
def test_each_kind_of_damage_is_named(
    check: Check,
    wanted: list[dict[str, Any]],
    name: str,
    kind: str,
    there: list[str],
    said: str,
    code: int,
) -> None:
    found = check(with_value(wanted, name, kind, *there))
    assert found.state(name, kind) == "different", found.text
    assert said in found.text
    assert there[-1][:20] in found.text, "the value that was found"
    assert found.code == code
    led_here = (
        {(f"rsa-1._domainkey.{domain}", "CNAME") for domain in DOMAINS} if "domainkey" in name else set()
    )
    assert {row[1:] for row in found.not_right()} == {(name, kind), *led_here}


EACH_KIND = [
    place for place, each in enumerate(records()) if each["name"].endswith((HOST, ".arpa", "second.example"))
]
"""Places of the records of the host, and of one domain."""


@pytest.mark.parametrize("place", EACH_KIND)
def test_each_record_that_is_missing_is_named(check: Check, wanted: list[dict[str, Any]], place: int) -> None:
    gone = wanted[place]
    found = check([each for each in wanted if each is not gone])
    state = found.state(gone["name"], gone["type"])
    assert state == "missing", found.text
    # A pointer to a record that is not there leads nowhere, and is named as well.
    assert (gone["name"], gone["type"]) in {row[1:] for row in found.not_right()}
    assert found.code == (1 if gone["urgency"] == "required" else found.code)


@pytest.mark.parametrize(
    ("name", "kind", "there"),
    [
        ("second.example", "TXT", ["v=spf1 mx include:spf.example.net -all"]),
        ("second.example", "TXT", ["v=spf1 +MX a:other.example ~all", "google-site-verification=x"]),
        ("second.example", "TXT", ["v=spf1 mx:second.example ~all"]),
        ("second.example", "TXT", [f"v=spf1 a:{HOST} ~all"]),
        ("second.example", "TXT", ["v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::25 -all"]),
        (f"rsa-1._domainkey.{HOST}", "TXT", [f"p={P}; t=s; k=rsa; v=DKIM1; n=a note"]),
        (f"rsa-1._domainkey.{HOST}", "TXT", [f"v=DKIM1;p={P[:100]} {P[100:]}"]),
        ("_dmarc.second.example", "TXT", ["v=DMARC1; p=reject; rua=mailto:me@x.example; adkim=s"]),
        ("_dmarc.second.example", "TXT", ["v=DMARC1;p=quarantine;rua=mailto:me@x.example"]),
        (HOST, "CAA", ['0 issue "letsencrypt.org; accounturi=https://acme.example/1"']),
        (HOST, "CAA", ['0 issue "letsencrypt.org"', '0 issue "digicert.com"']),
        (HOST, "CAA", ['0 iodef "mailto:a@b.example"']),
        ("_smtp._tls.second.example", "TXT", ["v=TLSRPTv1; rua=https://reports.example/"]),
    ],
)
def test_what_is_written_otherwise_and_does_the_same_is_right(
    check: Check, wanted: list[dict[str, Any]], name: str, kind: str, there: list[str]
) -> None:
    found = check(with_value(wanted, name, kind, *there))
    assert found.not_right() == [], found.text
    assert found.code == 0


def test_a_second_server_that_is_asked_later_is_right(check: Check, wanted: list[dict[str, Any]]) -> None:
    (mx,) = [each for each in wanted if each["name"] == "second.example" and each["type"] == "MX"]
    found = check([*wanted, {**mx, "value": "backup.example.net", "priority": 20}])
    assert found.not_right() == []


def test_a_domain_may_hold_the_key_where_a_pointer_is_offered(
    check: Check, wanted: list[dict[str, Any]]
) -> None:
    name = "rsa-1._domainkey.second.example"
    (pointer,) = [each for each in wanted if each["name"] == name]
    others = [each for each in wanted if each is not pointer]
    assert check([*others, {**pointer, "type": "TXT", "value": KEY}]).not_right() == []
    wrong = check([*others, {**pointer, "type": "TXT", "value": f"v=DKIM1; k=rsa; p={P[::-1]}"}])
    assert wrong.not_right() == [("different", name, "CNAME")]
    assert wrong.code == 1


def test_a_name_may_have_the_hosts_address_where_a_pointer_is_offered(
    check: Check, wanted: list[dict[str, Any]]
) -> None:
    name = "autoconfig.second.example"
    (pointer,) = [each for each in wanted if each["name"] == name]
    others = [each for each in wanted if each is not pointer]
    assert check([*others, {**pointer, "type": "A", "value": "192.0.2.25"}]).not_right() == []
    wrong = check([*others, {**pointer, "type": "A", "value": "192.0.2.99"}])
    assert wrong.not_right() == [("different", name, "CNAME")]


def test_caa_is_looked_for_above_the_host(check: Check, wanted: list[dict[str, Any]]) -> None:
    (caa,) = [each for each in wanted if each["type"] == "CAA"]
    others = [each for each in wanted if each is not caa]
    assert check([*others, {**caa, "name": "example.test"}]).not_right() == []
    wrong = check([*others, {**caa, "name": "example.test", "value": '0 issue "other.example"'}])
    assert wrong.not_right() == [("different", HOST, "CAA")]


def test_a_long_answer_comes_over_tcp(check: Check, wanted: list[dict[str, Any]]) -> None:
    (key,) = [each for each in wanted if each["name"] == f"rsa-1._domainkey.{HOST}"]
    notes = [{**key, "value": f"note {number} {'x' * 200}"} for number in range(8)]
    server = NameServer(files([*wanted, *notes]))
    assert check({}, server=server).not_right() == []
    assert key["name"] in server.cut


def test_a_resolver_that_fails_leaves_a_record_unknown_and_says_why(
    check: Check, wanted: list[dict[str, Any]]
) -> None:
    found = check({}, server=NameServer(files(wanted), fails={"second.example"}))
    assert found.state("second.example", "MX") == "unknown"
    assert "the resolver answers SERVFAIL" in found.text
    assert found.code == 1, "nobody knows whether mail arrives"


def test_a_resolver_that_is_silent_costs_no_longer_than_was_said(check: Check) -> None:
    began = time.monotonic()
    found = check({}, "--seconds", "1", server=NameServer({}, is_silent=True))
    assert time.monotonic() - began < 20, "a machine at work; one question after the other takes a minute"
    assert {row[0] for row in found.not_right()} == {"unknown"}
    assert "no answer within 1 s" in found.text
    assert "required ones nobody could say" in found.text
    assert "mail suffers" not in found.text, "nobody knows"
    assert found.code == 1


def test_only_the_keys_of_a_selector_are_asked_for(check: Check, wanted: list[dict[str, Any]]) -> None:
    server = NameServer(files(wanted))
    found = check({}, "--key", "rsa-2", server=server)
    assert found.code == 0
    assert len(server.asked) == 1 + len(DOMAINS)
    gone = [each for each in wanted if each["name"] != "rsa-2._domainkey.third.example"]
    again = check(gone, "--key", "rsa-2")
    assert again.not_right() == [("missing", "rsa-2._domainkey.third.example", "CNAME")]
    assert again.code == 1, "a key that is about to sign is required"
    assert "3 right, 1 missing; 1 of them required: mail suffers" in again.text


# The commands


def test_the_table_shows_every_record_and_its_purpose(wanted: list[dict[str, Any]]) -> None:
    done = CliRunner().invoke(app, ["table"], input=json.dumps(wanted))
    assert done.exit_code == 0
    for each in wanted:
        assert each["name"] in done.output
        assert each["purpose"] in done.output


def test_a_folder_gets_one_file_for_each_zone(wanted: list[dict[str, Any]], tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["zone", "--folder", str(tmp_path / "new")], input=json.dumps(wanted))
    assert done.exit_code == 0
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [f"{one}.zone" for one in DOMAINS]
    assert done.output.split() == [str(tmp_path / "new" / f"{one}.zone") for one in DOMAINS]


def test_one_zone_alone_is_written_to_the_terminal(wanted: list[dict[str, Any]]) -> None:
    done = CliRunner().invoke(app, ["zone", "--zone", "third.example"], input=json.dumps(wanted))
    assert dns.zone.from_text(done.output, origin="third.example", relativize=False).nodes
    done = CliRunner().invoke(app, ["zone", "--zone", "none.example"], input=json.dumps(wanted))
    assert "there is no zone 'none.example'; there are: example.test, second.example" in str(done.exception)


@pytest.mark.parametrize("text", ["", "no stack", "{}", '[{"name": "example.org", "type": "MX"}]'])
def test_what_is_no_output_is_answered_in_a_sentence(text: str) -> None:
    done = CliRunner().invoke(app, ["check"], input=text)
    assert done.exit_code == 1
    assert "pulumi stack output dns_records --json" in str(done.exception)


def test_a_resolver_is_an_address(wanted: list[dict[str, Any]]) -> None:
    done = CliRunner().invoke(app, ["check", "--resolver", "dns.example"], input=json.dumps(wanted))
    assert "'dns.example' is not an address" in str(done.exception)


# The key of port 25

OLD_KEY, NEW_KEY, OTHER = (f"3 1 1 {digit * 64}" for digit in "012")
OF_A_CA = f"2 1 1 {'3' * 64}"


@pytest.mark.parametrize(
    ("there", "shown", "code"),
    [
        ([], [NEW_KEY], 0),
        ([], [], 0),
        ([OLD_KEY], [NEW_KEY], 1),
        ([OLD_KEY], [], 1),
        ([OLD_KEY, NEW_KEY], [NEW_KEY], 0),
        ([NEW_KEY], [NEW_KEY], 0),
        ([OLD_KEY, NEW_KEY], [NEW_KEY, OTHER], 1),
        ([OF_A_CA], [NEW_KEY], 0),
        ([OLD_KEY, OF_A_CA], [NEW_KEY], 0),
        ([f"1 1 1 {'4' * 64}"], [NEW_KEY], 0),
    ],
    ids=[
        "nothing is compared",
        "nothing is compared with a key to be made",
        "names the old one",
        "nobody can name a key that is yet to be made",
        "names both",
        "names the new one",
        "names one of two",
        "names a CA",
        "names a CA, too",
        "names what no mail server compares",
    ],
)
def test_port_25_shows_no_key_that_the_dns_does_not_name(
    there: list[str], shown: list[str], code: int
) -> None:
    lines = [f"_25._tcp.mail 3600 IN TLSA {value}" for value in there]
    zone = "\n".join(
        ["$ORIGIN example.test.", "@ 3600 IN SOA a b 1 1 1 1 1", "mail 3600 IN A 192.0.2.1", *lines]
    )
    with serving(NameServer({"example.test": zone})) as server:
        found = CliRunner().invoke(app, ["key", HOST, *shown, "--resolver", f"127.0.0.1@{server.port}"])
    assert found.exit_code == code
    assert (OLD_KEY in found.output) == bool(code)
    assert server.asked == [f"_25._tcp.{HOST} TLSA"]


def test_a_dns_that_fails_is_no_leave_to_show_a_key() -> None:
    with serving(NameServer({}, fails={f"_25._tcp.{HOST}"})) as server:
        found = CliRunner().invoke(app, ["key", HOST, NEW_KEY, "--resolver", f"127.0.0.1@{server.port}"])
    assert found.exit_code == 1
    assert "not known, the resolver answers SERVFAIL" in found.output
