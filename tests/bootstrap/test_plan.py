"""The plan in words: what the engine answers, and what a person reads of it."""

import io
import json
from typing import Any

import pytest

from bootstrap.plan import consent, keys
from bootstrap.plan.daemons import AWAY_SECONDS, INNER_STEP, PORTS, WITHOUT_NETWORK_SECONDS
from bootstrap.plan.engine import Plan, read
from bootstrap.plan.summary import MOST_LINES, page
from bootstrap.report import Report
from mailinfra.components import dovecot, postfix, roundcube
from mailinfra.components.database import server as database
from mailinfra.containers import place

START = "urn:pulumi:dev::mailinfra::mailinfra:index:MailServer"
SETTINGS: dict[str, Any] = {
    "hostname": "mail.example.test",
    "limits": {"recipients": 100},
    "resolvers": "host",
}
DIRECTORY = "$mailinfra:index:Accounts$mailinfra:index:Directory::mail-accounts-directory"
CONTAINER = "$docker:index/container:Container::mail-"
VOLUME = "$docker:index/volume:Volume::mail-"


def container(service: str, *ports: tuple[int, int], **more: Any) -> dict[str, Any]:
    return {
        "healthcheck": {},
        "labels": [{"label": "mailinfra.service", "value": service}],
        "ports": [{"internal": inside, "external": out, "ip": "127.0.0.1"} for inside, out in ports],
        "mounts": [{"source": "old-volume", "target": "/etc/postfix"}],
        **more,
    }


def filler(service: str, source: str, text: str) -> dict[str, Any]:
    return {
        "labels": [{"label": "mailinfra.service", "value": service}],
        "mounts": [{"source": source, "target": "/mailinfra"}],
        "uploads": [{"file": "/mailinfra/main.cf", "content": text}],
    }


def step(
    op: str, urn: str, old: Any = None, new: Any = None, paths: Any = (), **state: Any
) -> dict[str, Any]:
    made: dict[str, Any] = {"op": op, "urn": START + urn}
    made["detailedDiff"] = {path: {"kind": kind} for path, kind in dict(paths).items()}
    if old is not None:
        made["oldState"] = {"inputs": old, **state}
    if new is not None:
        made["newState"] = {"inputs": new}
    return made


def state(settings: dict[str, Any] | None = SETTINGS, *services: str) -> list[dict[str, Any]]:
    inputs = {} if settings is None else {"settings": settings}
    server = {"type": "mailinfra:index:MailServer", "urn": f"{START}::mail", "inputs": inputs}
    made = [
        {"type": "docker:index/container:Container", "inputs": container(name)}
        for name in services or AWAY_SECONDS
    ]
    return [server, *made]


def plan(*steps: dict[str, Any], resources: Any = None, **said: Any) -> Plan:
    answer = {"steps": list(steps), **said}
    return read("dev", json.dumps(answer), state() if resources is None else resources)


def words(*steps: dict[str, Any], there: tuple[str, ...] = (), **more: Any) -> str:
    return "\n".join(page(plan(*steps, **more), there))


def told(note: str, old: dict[str, Any], new: dict[str, Any], paths: dict[str, str]) -> str:
    """Return the page of a change of the accounts of which the provider says one thing."""
    said = {"severity": "info", "message": f"{note}\n"}
    return words(step("update", DIRECTORY, old, new, paths), diagnostics=[said])


def changed(**settings: Any) -> dict[str, Any]:
    new = {**SETTINGS, **settings}
    return step("update", "::mail", {"settings": SETTINGS}, {"settings": new})


def test_nothing_is_a_sentence() -> None:
    assert words() == "Nothing changes in stack dev."


def test_a_setting_is_told_from_what_to_what() -> None:
    said = words(changed(limits={"recipients": 150}, resolvers=["192.0.2.53"]))
    assert "  limits.recipients: 100 -> 150\n" in said
    assert '  resolvers: host -> ["192.0.2.53"]\n' in said
    assert "hostname" not in said
    assert "no mail, account or queue is touched" in said
    assert said.endswith("Cannot be undone\n  nothing")


def test_a_setting_that_comes_or_goes_is_told() -> None:
    said = words(changed(smarthost={"host": "relay.example.net"}))
    assert "smarthost.host: none -> relay.example.net" in said


def test_a_setting_that_is_new_in_the_form_and_says_nothing_is_not_told() -> None:
    said = words(changed(rotate={"all": ""}, filtering={"allowed": [], "dmarcReports": False}))
    assert "  filtering.dmarcReports: none -> false\n" in said
    assert "rotate" not in said
    assert "allowed" not in said


def test_a_state_from_before_settings_were_kept_says_so_and_the_rest() -> None:
    first = step("update", "::mail", {}, {"settings": SETTINGS})
    replaced = step(
        "replace", f"{CONTAINER}x", container("webmail"), container("webmail"), {"image": "update"}
    )
    assert "settings are kept from now on" in words(first, resources=state(None))
    said = words(first, replaced, resources=state(None))
    assert "not known: this update is the first one that keeps them" in said
    assert "webmail  replaced: another image" in said


def test_a_replaced_daemon_names_its_files_ports_and_pause_and_the_others_are_untouched() -> None:
    said = words(
        changed(limits={"recipients": 150}),
        step(
            "replace",
            f"{CONTAINER}f",
            filler("postfix", "old-volume", "a\nb\nc"),
            filler("postfix", "n", "a\nx\nc"),
        ),
        step(
            "replace",
            f"{CONTAINER}p",
            container("postfix", (25, 2525), (587, 2587)),
            container("postfix", (25, 2525), (587, 2587)),
            {"mounts": "update-replace"},
        ),
        step("replace", f"{VOLUME}postfix-service-etc-postfix", {"name": "old-volume"}, {"name": "n"}),
    )
    assert "postfix  replaced: /etc/postfix/main.cf (1 line)" in said
    seconds = AWAY_SECONDS["postfix"]
    assert f"away for at most {seconds} s: smtp 127.0.0.1:2525, submission 127.0.0.1:2587" in said
    for other in ("mysql", "dovecot", "webmail"):
        assert f"{other:<8} untouched" in said
    assert "olume" not in said, "volumes of files are told as files: nobody is to fear for mail"


def test_files_that_a_daemon_reads_anew_are_told_and_it_does_not_pause() -> None:
    old, new = filler("rspamd", "old-volume", "a\nb"), filler("rspamd", "old-volume", "a\nc")
    said = words(step("replace", f"{CONTAINER}f", old, new))
    assert "rspamd   changed while it runs: /etc/postfix/main.cf (1 line)" in said
    assert "away" not in said


def test_a_daemon_that_publishes_nothing_has_a_pause_and_no_ports() -> None:
    changes = {"image": "update-replace"}
    said = words(step("replace", f"{CONTAINER}r", container("rspamd"), container("rspamd"), changes))
    assert f"away for at most {AWAY_SECONDS['rspamd']} s\n" in said


def test_files_with_secrets_are_told_without_a_text() -> None:
    old, new = filler("postfix", "old-volume", "[secret]"), filler("postfix", "n", "[secret]")
    said = words(
        step("replace", f"{CONTAINER}f", old, new),
        step("replace", f"{CONTAINER}p", container("postfix"), container("postfix"), {"mounts": "update"}),
    )
    assert "files with secrets in /etc/postfix" in said


def test_a_port_that_moves_is_told_by_its_name() -> None:
    said = words(
        step(
            "replace",
            f"{CONTAINER}d",
            container("dovecot", (143, 2143), (143 + INNER_STEP, 2143)),
            container("dovecot", (143, 3143)),
            {"ports": "update-replace"},
        )
    )
    assert "port imap 127.0.0.1:2143 -> imap 127.0.0.1:3143" in said
    assert "-> none" in said


def test_another_network_takes_all_daemons_for_longer() -> None:
    replaced = step("replace", f"{CONTAINER}d", container("dovecot"), container("dovecot"))
    said = words(step("replace", "$docker:index/network:Network::mail-network", {}, {}), replaced)
    assert "dovecot  replaced: the containers' network is another one" in said
    assert f"at most {WITHOUT_NETWORK_SECONDS} s" in said


def test_accounts_that_come_go_and_change_are_told_by_their_address() -> None:
    old = {"mailboxes": {"b@e.test": {}, "c@e.test": {"enabled": True}}}
    new = {
        "mailboxes": {"a@e.test": {}, "c@e.test": {"enabled": False}},
        "aliases": {"s@e.test": {"targets": ["a"]}},
    }
    paths = {
        'mailboxes["a@e.test"]': "add",
        'mailboxes["b@e.test"]': "delete",
        'mailboxes["c@e.test"].enabled': "update",
        'aliases["s@e.test"]': "add",
    }
    note = "mailbox b@e.test is removed: logins end; its mail stays in /mail/e.test/b"
    said = told(note, old, new, paths)
    for line in (
        "+ mailbox a@e.test",
        "~ mailbox c@e.test: enabled true -> false",
        "+ alias s@e.test -> a",
        note,
        "no mail or queue is touched",
        "the password of b@e.test goes with its row",
    ):
        assert f"  {line}" in said
    assert "- mailbox b@e.test" not in said, "the provider says it better"


def test_mail_that_is_deleted_cannot_be_undone() -> None:
    new = {"deleteMail": {"b@e.test": True, "old@e.test": True}}
    paths = {
        'mailboxes["b@e.test"]': "delete",
        'deleteMail["b@e.test"]': "add",
        'deleteMail["old@e.test"]': "add",
    }
    said = words(step("update", DIRECTORY, {"mailboxes": {"b@e.test": {}}}, new, paths))
    assert "the mail of b@e.test is deleted for good" in said
    assert "the mail of old@e.test is deleted for good" in said
    assert said.count("the mail of b@e.test") == 1


@pytest.mark.parametrize(
    ("entry", "domains", "now"),
    [
        ({"renamedFrom": "b@e.test"}, {}, "n@e.test"),
        ({}, {"f.test": {"renamedFrom": "e.test"}}, "b@f.test"),
    ],
)
def test_a_renamed_mailbox_takes_its_mail_along_and_loses_nothing(
    entry: dict[str, Any], domains: dict[str, Any], now: str
) -> None:
    new = {"mailboxes": {now: entry}, "domains": domains}
    paths = {'mailboxes["b@e.test"]': "delete", f'mailboxes["{now}"]': "add"}
    said = words(step("update", DIRECTORY, {"mailboxes": {"b@e.test": {}}}, new, paths))
    assert f"mail goes along with its mailbox: b@e.test -> {now}" in said
    assert said.endswith("Cannot be undone\n  nothing")


def test_an_alias_beside_a_renamed_mailbox_is_told_itself() -> None:
    old = {"mailboxes": {"b@e.test": {}}, "aliases": {"n@e.test": {"targets": ["b@e.test"]}}}
    new = {
        "mailboxes": {"n@e.test": {"renamedFrom": "b@e.test"}},
        "aliases": {"b@e.test": {"targets": ["n@e.test"]}},
    }
    paths = {
        'mailboxes["b@e.test"]': "delete",
        'mailboxes["n@e.test"]': "add",
        'aliases["b@e.test"]': "add",
        'aliases["n@e.test"]': "delete",
    }
    note = "mailbox b@e.test becomes n@e.test, with its mail and password"
    said = told(note, old, new, paths)
    assert "  + alias b@e.test -> n@e.test\n" in said
    assert "  - alias n@e.test\n" in said
    assert "+ mailbox" not in said
    assert "- mailbox" not in said


def test_a_password_that_is_overwritten_cannot_be_undone() -> None:
    new = {"mailboxes": {"h@e.test": {"reset": "again"}}}
    said = words(
        step(
            "update",
            DIRECTORY,
            {},
            new,
            {'mailboxes["h@e.test"].reset': "add", 'passwords["i@e.test"]': "update"},
        )
    )
    assert "the present password of h@e.test is overwritten" in said
    assert "the present password of i@e.test is overwritten" in said
    assert "again" in said, "the reset's own text is no secret"


def test_ten_thousand_accounts_are_counted_and_not_listed() -> None:
    paths = {f'mailboxes["u{number}@e.test"]': "add" for number in range(10_000)}
    said = words(step("update", DIRECTORY, {}, {"mailboxes": {}}, paths))
    assert said.count("+ mailbox") == MOST_LINES
    assert "and 9960 more like these; DIFF=1 shows all" in said


def test_a_volume_that_is_left_is_named_and_one_that_is_removed_is_a_loss() -> None:
    data = {"name": "mailinfra-dev-mail"}
    left = words(step("delete", f"{VOLUME}dovecot-mail", data, retainOnDelete=True))
    assert "mail: volume mailinfra-dev-mail stays as it is, and the server looks elsewhere" in left
    assert left.endswith("nothing")
    gone = words(step("delete", f"{VOLUME}dovecot-mail", data))
    assert gone.endswith("Cannot be undone\n  what is in volume mailinfra-dev-mail")


def test_mail_in_another_place_is_not_moved() -> None:
    said = words(changed(storage={"mail": {"hostPath": "/srv/mail"}}))
    assert "the server looks in /srv/mail from now on; the mail in the volume is not moved" in said


def test_a_new_ca_cannot_be_undone() -> None:
    said = words(
        step("replace", "$tls:index/selfSignedCert:SelfSignedCert::mail-certificates-ca-certificate", {}, {})
    )
    assert "every mail program and browser has to trust it anew" in said


@pytest.mark.parametrize("op", ["replace", "delete"])
def test_another_key_of_webmails_sessions_ends_them(op: str) -> None:
    name = "mail-roundcube-session-key" if op == "replace" else "mail-roundcube-session-key-2"
    said = words(step(op, f"$random:index/randomPassword:RandomPassword::{name}", {}, {}))
    assert "sessions of webmail: everybody logs in again" in said
    other = words(step(op, "$random:index/randomPassword:RandomPassword::mail-valkey-password", {}, {}))
    assert "logs in again" not in other


def test_a_new_certificate_is_told_with_the_end_of_the_old_one() -> None:
    made = step(
        "replace", "$tls:index/locallySignedCert:LocallySignedCert::mail-certificates-public-certificate"
    )
    old = {
        "urn": made["urn"],
        "type": "tls:index/locallySignedCert:LocallySignedCert",
        "outputs": {"validityEndTime": "2028-11-26T10:00:00.5Z"},
    }
    said = words(made, resources=[*state(), old])
    assert "  a new certificate: for the public ports; the old one ends on 2028-11-26\n" in said


def test_each_new_certificate_is_told_by_who_shows_it() -> None:
    names = ("public", "older", "webmail", "inner", "inner-mail", "of somebody else")
    signed = "$tls:index/locallySignedCert:LocallySignedCert::mail-certificates-"
    said = words(*(step("replace", f"{signed}{name}-certificate", {}, {}) for name in names))
    lines = [line for line in said.splitlines() if "a new certificate" in line]
    assert len(set(lines)) == len(names)


def test_a_new_stack_is_told_without_imports_and_warnings() -> None:
    warning = (
        "warning: The provider for this resource has inputs that are not known during preview.\nThis preview"
    )
    said = words(
        step("create", f"{CONTAINER}d", new=container("dovecot", (143, 2143))),
        step("create", f"{VOLUME}dovecot-mail", new={"name": "mailinfra-dev-mail"}),
        step("import", "$mysql:index/database:Database::mail-database-mail", new={}),
        step(
            "create",
            DIRECTORY,
            new={"domains": {"e.test": {}}, "mailboxes": {"a@e.test": {}, "b@e.test": {}}},
        ),
        resources=[],
        diagnostics=[{"severity": "warning", "message": warning}],
    )
    assert said.startswith("Stack dev: a new mail server")
    assert "dovecot  made" in said
    assert "+ 1 domain, 2 mailboxes, 0 aliases" in said
    assert "volume mailinfra-dev-mail is made, empty" in said
    for word in ("import", "warn", "not known", "undone"):
        assert word not in said


def test_data_of_before_is_found_by_a_new_stack() -> None:
    made = step("create", f"{VOLUME}dovecot-mail", new={"name": "mailinfra-dev-mail"})
    said = words(made, resources=[], there=("mailinfra-dev-mail",))
    assert "volume mailinfra-dev-mail is there from before and is used again" in said


def test_any_other_warning_is_shown() -> None:
    said = words(
        changed(hostname="b.test"), diagnostics=[{"severity": "warning", "message": "warning: mind this"}]
    )
    assert "The engine warns\n  mind this" in said


def test_a_mistake_is_shown_once_and_without_the_engines_echo(capsys: pytest.CaptureFixture[str]) -> None:
    mistake = "error: the configuration of this stack is not valid:\n  server.ports.imap: must be a port"
    echo = "error: an unhandled error occurred: program exited with non-zero exit code: 1\n"
    found = plan(diagnostics=[{"severity": "error", "message": text} for text in (mistake, echo, mistake)])
    assert not consent.show(found, Report(io.StringIO()), ())
    assert capsys.readouterr().err == f"\nStopped: {mistake.removeprefix('error: ')}\n"


def test_an_error_that_nothing_explains_is_shown_as_it_is() -> None:
    assert plan(diagnostics=[{"severity": "error", "message": "error: preview failed"}]).errors == [
        "preview failed"
    ]


PREMATURE = """error: Detected that /plugins/resource-mysql-v3.3.3/pulumi-resource-mysql exited prematurely.
       This is *always* a bug in the provider. Please report the issue to the provider author as appropriate.
       To assist with debugging we have dumped the STDOUT and STDERR streams of the plugin:
{said}"""


@pytest.mark.parametrize(
    ("error", "who", "why"),
    [
        (PREMATURE.format(said=""), "pulumi-resource-mysql", "Somebody killed it"),
        (PREMATURE.format(said="\npanic: no memory"), "pulumi-resource-mysql", "words:\npanic: no memory"),
        (
            "error: could not read plugin [/plugins/resource-tls-v5.6.2/pulumi-resource-tls]: exit status -1",
            "pulumi-resource-tls",
            "Somebody killed it",
        ),
        (
            "error: an unhandled error occurred: program exited with non-zero exit code: -1",
            "the program that declares the server",
            "Somebody killed it",
        ),
    ],
)
def test_a_process_of_a_preview_that_was_killed_is_told_as_that(error: str, who: str, why: str) -> None:
    (told,) = plan(diagnostics=[{"severity": "error", "message": error}]).errors
    assert told.startswith(f"{who} ended in the middle. Nothing was changed; run the command again.")
    assert why in told
    assert "bug" not in told


@pytest.mark.parametrize(
    "refusal",
    ["cannot be deleted\nbecause it is protected.", "as it is currently marked for protection."],
)
def test_a_change_that_lets_go_of_protected_data_is_told_with_a_way_that_keeps_it(refusal: str) -> None:
    urn = "urn:pulumi:dev::mailinfra::mailinfra:index:Dovecot$docker:index/volume:Volume::mail-dovecot-mail"
    said = f'error: Preview failed: resource "{urn}"\n{refusal} To unprotect it, run `pulumi state unprotect`'
    (error,) = plan(diagnostics=[{"severity": "error", "message": said}]).errors
    assert error.startswith("mail-dovecot-mail holds data and is protected (storage.onDestroy: protect)")
    assert "Set storage.onDestroy: retain" in error
    assert "unprotect" not in error


@pytest.mark.parametrize(
    ("terminal", "yes", "env", "is_new", "asked"),
    [
        (True, False, {}, False, True),
        (False, False, {}, False, False),
        (True, True, {}, False, False),
        (True, False, {"CI": "true"}, False, False),
        (True, False, {}, True, False),
    ],
)
def test_a_person_is_asked_before_a_server_with_mail_is_changed(
    terminal: bool, yes: bool, env: dict[str, str], is_new: bool, asked: bool
) -> None:
    replaced = step("replace", f"{CONTAINER}d", container("dovecot"), container("dovecot"))
    found = plan(replaced, resources=[] if is_new else None)
    assert consent.asks(found, yes=yes, env=env, terminal=terminal) == asked


def test_nobody_is_asked_where_nothing_changes() -> None:
    assert not consent.asks(plan(), yes=False, env={}, terminal=True)


@pytest.mark.parametrize(
    ("answer", "agreed"), [("yes\n", True), ("Y\n", True), ("\n", False), ("no\n", False), ("", False)]
)
def test_only_yes_is_a_yes(answer: str, agreed: bool) -> None:
    output = io.StringIO()
    assert consent.agrees(Report(output), lambda: answer) == agreed
    assert ("Nothing was changed." in output.getvalue()) == (not agreed)


def test_the_words_know_every_port_of_the_program() -> None:
    inside = {
        *postfix.PORTS.values(),
        *dovecot.PUBLISHED.values(),
        *dovecot.INNER.values(),
        *roundcube.PORTS.values(),
        database.PORT,
    }
    assert inside - set(PORTS) == {24, 4523}, "LMTP and the listener for logins are never published"
    assert set(PORTS) <= inside
    assert INNER_STEP == place.INNER_STEP


# DKIM keys

KEYS = "$mailinfra:index:DkimKeys$tls:index/privateKey:PrivateKey::mail-dkim-"


def with_keys(**states: str) -> dict[str, Any]:
    """Return settings with these keys; an underscore stands for the hyphen of a selector."""
    keys = {name.replace("_", "-"): value for name, value in states.items()}
    return {**SETTINGS, "dkim": {"keys": keys}}


def rotated(old: dict[str, Any], new: dict[str, Any], **more: Any) -> Plan:
    """Return the plan of an edit of `dkim.keys`, with the keys made and removed that it asks for."""
    before, after = old["dkim"]["keys"], new["dkim"]["keys"]
    steps = [step("update", "::mail", {"settings": old}, {"settings": {**new, **more}})]
    steps += [step("create", KEYS + one, None, {}) for one in after if one not in before]
    steps += [step("delete", KEYS + one, {}) for one in before if one not in after]
    made = [{"type": "tls:index/privateKey:PrivateKey", "urn": START + KEYS + one} for one in before]
    return plan(*steps, resources=[*state(old), *made])


ONE, TWO = with_keys(rsa_1="signing"), with_keys(rsa_1="signing", rsa_2="published")
TURNED = with_keys(rsa_1="retired", rsa_2="signing")
DONE = with_keys(rsa_2="signing")


@pytest.mark.parametrize(
    ("old", "new", "said", "asked"),
    [
        (ONE, TWO, "rsa-2 is made: write its record (make dns); it signs once it is 'signing'", []),
        (TWO, TURNED, "rsa-2: signs from now on; make up asks the DNS first", ["rsa-2"]),
        (TWO, TURNED, "rsa-1: signs no more; leave its record in the DNS for 7 days", ["rsa-2"]),
        (TURNED, DONE, "rsa-1 is gone for good: remove its record", []),
        (TURNED, TWO, "rsa-1: signs from now on", ["rsa-1"]),
        (TURNED, TWO, "rsa-2: stays in the DNS and does not sign", ["rsa-1"]),
    ],
)
def test_each_step_of_a_rotation_is_explained_and_none_is_refused(
    old: dict[str, Any], new: dict[str, Any], said: str, asked: list[str]
) -> None:
    found = rotated(old, new)
    assert said in "\n".join(page(found))
    assert keys.faults(found) == []
    assert keys.switched(found) == asked


def test_a_key_that_signs_is_retired_before_it_goes() -> None:
    found = rotated(TWO, with_keys(rsa_2="signing"))
    (fault,) = keys.faults(found)
    assert fault.what.startswith("rsa-1 signs until now, and mail on its way could not be verified")
    assert "`rsa-1: retired` first" in fault.remedy
    assert "make up refuses: rsa-1 signs until now" in "\n".join(page(found))


def test_a_key_is_published_before_it_signs() -> None:
    (fault,) = keys.faults(rotated(ONE, TURNED))
    assert fault.what == "rsa-2 would sign, and has never been in the DNS"
    assert "`rsa-2: published` first" in fault.remedy


def test_a_key_that_would_be_replaced_is_refused() -> None:
    made = [{"type": "tls:index/privateKey:PrivateKey", "urn": f"{START}{KEYS}rsa-1"}]
    found = plan(step("replace", f"{KEYS}rsa-1", {}, {}), resources=[*state(ONE), *made])
    (fault,) = keys.faults(found)
    assert "another key would take the place of rsa-1" in fault.what


def test_the_first_keys_of_a_server_sign_at_once() -> None:
    """Unsigned until now, or signed by a key that nobody finds yet: mail is no worse for it."""
    first = step("update", "::mail", {"settings": SETTINGS}, {"settings": ONE})
    found = plan(first, step("create", f"{KEYS}rsa-1", None, {}))
    assert keys.faults(found) == []
    assert keys.switched(found) == []
    assert "rsa-1 is made and signs: write its record at once (make dns)" in "\n".join(page(found))
    new = plan(step("create", "::mail", None, {"settings": ONE}), resources=[])
    assert (keys.faults(new), keys.signatures(new)) == ([], [])


@pytest.mark.parametrize(("new", "more"), [(with_keys(), {}), (with_keys(), {"filtering": False})])
def test_whoever_turns_signing_off_is_not_refused(new: dict[str, Any], more: dict[str, Any]) -> None:
    found = rotated(ONE, new, **more)
    assert keys.faults(found) == []
    assert "rsa-1 is gone for good" in "\n".join(page(found))


def test_a_machine_without_dns_is_not_asked() -> None:
    assert keys.asks_dns(rotated(TWO, TURNED))
    assert not keys.asks_dns(rotated(TWO, TURNED, receiving={"checkDomains": False}))


def test_other_edits_say_nothing_of_signatures() -> None:
    assert "Signatures" not in words(changed(limits={"recipients": 150}))


# --- the key on port 25

OLD_KEY, NEW_KEY = f"3 1 1 {'0' * 64}", f"3 1 1 {'1' * 64}"
OWN = "$mailinfra:index:Certificates$tls:index/privateKey:PrivateKey::mail-certificates-"


def with_tlsa(*values: str) -> list[dict[str, Any]]:
    """Return a state whose records name these keys."""
    server, *made = state()
    records = [{"type": "TLSA", "value": value} for value in values] + [{"type": "MX", "value": "x"}]
    return [{**server, "outputs": {"dns_records": records}}, *made]


def shown(*values: str) -> dict[str, Any]:
    inputs = {"settings": SETTINGS, "tlsa": list(values)}
    return step("update", "::mail", {"settings": SETTINGS}, inputs)


def test_another_key_of_a_certificate_is_to_be_published_before_it_is_shown() -> None:
    said = words(shown(NEW_KEY), resources=with_tlsa(OLD_KEY))
    assert "another key on port 25: where your zone is signed" in said
    assert f"_25._tcp.mail.example.test. 3600 IN TLSA {NEW_KEY}" in said
    assert "Write this record beside the old one first" in said


def test_a_key_that_stays_is_no_news() -> None:
    assert "another key" not in words(shown(OLD_KEY), resources=with_tlsa(OLD_KEY))
    assert "another key" not in words(shown(NEW_KEY), resources=with_tlsa()), "nothing was named before"


def test_make_up_says_that_it_asks_the_dns_unless_that_is_off() -> None:
    asked = "make up asks the DNS, and refuses where it has a record and not this one"
    assert asked in words(shown(NEW_KEY), resources=with_tlsa(OLD_KEY))
    off = {**SETTINGS, "receiving": {"checkDomains": False}}
    silent = step("update", "::mail", {"settings": off}, {"settings": off, "tlsa": [NEW_KEY]})
    assert asked not in words(silent, resources=with_tlsa(OLD_KEY))


def test_what_the_dns_has_decides_whether_another_key_is_warned_of() -> None:
    edit = plan(shown(NEW_KEY), resources=with_tlsa(OLD_KEY))
    assert "another key" not in "\n".join(page(edit, named="")), "nobody compares"
    said = "\n".join(page(edit, named=f"the DNS names {OLD_KEY}"))
    assert (
        f"asked just now: the DNS names {OLD_KEY}\n  make up asks again, and refuses while it is so" in said
    )


def test_without_a_record_of_the_stack_the_dns_is_asked_about_a_key_that_is_made() -> None:
    """With somebody else's database acme alone knows its key."""
    external = {**SETTINGS, "database": {"external": {"host": "db.example.test"}}}
    edits = [step(op, f"{OWN}{key}", {}, {}) for op, key in (("create", "older-key"),)]
    edits += [step("update", "::mail", {"settings": external}, {"settings": external})]
    found = plan(*edits, resources=[*with_tlsa(), *own("public-key")[1:]])
    assert ANOTHER in "\n".join(page(found)), "beside one that acme may never have shown"
    assert ANOTHER not in "\n".join(page(found, named=""))


def own(*keys: str) -> list[dict[str, Any]]:
    """Return a state with these keys of our own, all of which its records name."""
    return [*with_tlsa(OLD_KEY), *({"type": "tls", "urn": f"{START}{OWN}{key}"} for key in keys)]


SECOND = "port 25 gets a second key, RSA, for servers that know no other"
ANOTHER = "another key on port 25"


@pytest.mark.parametrize(
    ("there", "edits", "said"),
    [
        (["public-key"], {"create older-key"}, SECOND),
        (["public-key-2"], {"create older-key-2"}, SECOND),
        (["older-key"], {"create public-key"}, ANOTHER),
        (["public-key"], {"create older-key", "delete public-key"}, ANOTHER),
        (["public-key"], {"create older-key-2", "create public-key-2", "delete public-key"}, ANOTHER),
        (["public-key", "older-key"], {"create older-key-2", "delete older-key"}, ANOTHER),
        ([], {"create older-key", "create public-key"}, ANOTHER),
        (["public-key", "older-key"], {"delete older-key"}, None),
    ],
    ids=[
        "acme to own",
        "acme to own, rotated before",
        "acme with RSA to own",
        "acme from ECDSA to RSA",
        "acme to own, rotated with it",
        "rotated",
        "files to own",
        "own to acme",
    ],
)
def test_a_key_beside_the_one_that_stays_is_no_other_key(
    there: list[str], edits: set[str], said: str | None
) -> None:
    steps = [step(op, f"{OWN}{key}", {}, {}) for op, key in map(str.split, sorted(edits))]
    text = words(*steps, resources=own(*there))
    assert {one for one in (SECOND, ANOTHER) if one in text} == ({said} if said else set())


@pytest.mark.parametrize("key", ["public-key", "older-key", "public-key-2", "older-key-2026-11-26"])
def test_a_key_of_our_own_that_is_made_anew_takes_the_record_along(key: str) -> None:
    said = words(step("replace", f"{OWN}{key}", {}, {}), resources=with_tlsa(OLD_KEY))
    assert "it is made by this very update: remove the record first" in said
    inner = words(step("replace", f"{OWN}inner-key", {}, {}), resources=with_tlsa(OLD_KEY))
    assert "another key" not in inner
