"""What Docker itself says that each container may, and what is seen from inside."""

import re
from contextlib import ExitStack
from smtplib import SMTPException
from typing import Any

import pytest
from docker.models.containers import Container

from mailinfra.components.postfix import MEMORY
from mailinfra.containers import labels
from mailinfra.containers.config_volumes import OPEN_FILES, PROCESSES
from mailinfra.user_ids import FIRST, HELPER, LAST, OWNED, POSTFIX, POSTSRSD
from tests.containers_page import places, table
from tests.e2e.server import Server
from tests.e2e.stackfile import ALICE
from tests.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

CAPABILITIES = {"postfix": ["CAP_DAC_OVERRIDE", "CAP_SETGID", "CAP_SETUID"]}
"""Service -> what it has; the others have none."""

PLACES = places()
SERVICES = {"mysql": "database", "dovecot": "dovecot", "postfix": "postfix", "webmail": "webmail"}
"""Service -> what docs/containers.md calls it."""

PROCESSES_OF = 'for p in /proc/[0-9]*; do [ "$(cat $p/comm 2>/dev/null)" != "$0" ] || echo ${p#/proc/}; done'


def everyone(server: Server) -> list[Container]:
    """Return the stack's containers, those that fill volumes included."""
    label = {"label": f"{labels.STACK}={server.stack.full_name}"}
    found: list[Container] = server.stack.docker.containers.list(all=True, filters=dict(label))
    return found


def fills(container: Container) -> bool:
    return "-filler" in str(container.name)


def inside(container: Container, *command: str, user: str = "") -> str:
    """Return what a command in the container prints."""
    output = container.exec_run(list(command), user=user).output
    assert isinstance(output, bytes)
    return output.decode()


def processes(container: Container, name: str) -> set[str]:
    """Return the ids, as the container counts, of what runs there under that name."""
    return set(inside(container, "sh", "-c", PROCESSES_OF, name).split())


def test_docker_holds_every_container_to_its_limits(server: Server) -> None:
    found = everyone(server)
    assert {fills(one) for one in found} == {True, False}
    for one in found:
        host: dict[str, Any] = one.attrs["HostConfig"]
        service = one.labels[labels.SERVICE]
        assert host["CapDrop"] == ["ALL"], one.name
        assert (host["CapAdd"] or []) == ([] if fills(one) else CAPABILITIES.get(service, [])), one.name
        assert host["SecurityOpt"] == ["no-new-privileges:true"], one.name
        assert host["Memory"] == host["MemorySwap"] > 0, one.name
        assert {each["Name"]: (each["Soft"], each["Hard"]) for each in host["Ulimits"]} == {
            "nofile": (OPEN_FILES, OPEN_FILES),
            "nproc": (PROCESSES, PROCESSES),
            "core": (0, 0),
        }, one.name
        assert host["ReadonlyRootfs"] is not fills(one), one.name
        assert host["RestartPolicy"]["Name"] == ("no" if fills(one) else "unless-stopped"), one.name
        assert host["Privileged"] is False, one.name


def test_docker_gives_no_container_anything_of_the_hosts(server: Server) -> None:
    for one in everyone(server):
        host: dict[str, Any] = one.attrs["HostConfig"]
        for name in ("Binds", "Devices", "DeviceRequests", "VolumesFrom", "PidMode", "UTSMode", "UsernsMode"):
            assert not host.get(name), (one.name, name)
        assert host["IpcMode"] == "private", one.name
        assert host["NetworkMode"] != "host", one.name
        assert {mount["Type"] for mount in host["Mounts"] or []} <= {"volume"}, one.name
        if not fills(one):
            log = host["LogConfig"]
            assert log == {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "5"}}, one.name


def test_what_is_rendered_is_read_only_and_one_containers_alone(server: Server) -> None:
    users: dict[str, list[str]] = {}
    for one in (one for one in everyone(server) if not fills(one)):
        for mount in one.attrs["Mounts"]:
            if mount["Type"] == "volume":
                users.setdefault(mount["Name"], []).append(str(one.name))
                kept = mount["Destination"] in PLACES[SERVICES[one.labels[labels.SERVICE]]]
                assert mount["RW"] is kept, (one.name, mount["Destination"])
    assert {name: found for name, found in users.items() if len(found) > 1} == {}


KERNEL = ("/dev", "/proc", "/sys")
"""Where Docker mounts what the kernel gives; the tests of limits and capabilities bound it."""


def test_from_inside_nothing_can_be_written_but_where_the_page_says(server: Server) -> None:
    for service, one in server.stack.containers().items():
        told = PLACES[SERVICES[service]]
        rows = [line.split() for line in inside(one, "cat", "/proc/mounts").splitlines()]
        found = {
            row[1]: row[3].split(",")
            for row in rows
            if "rw" in row[3].split(",") and not row[1].startswith(KERNEL) and row[1] != "/"
        }
        # The kernel names a folder by where links lead to.
        real = {inside(one, "readlink", "-f", path).strip(): kind for path, kind in told.items()}
        assert set(found) == set(real), service
        for path, options in found.items():
            if real[path].startswith("memory"):
                assert ("noexec" not in options) is ("may run" in real[path]), (service, path)
        assert all("ro" in row[3].split(",") for row in rows if row[1] == "/"), service


def test_every_process_is_whom_the_page_says(server: Server) -> None:
    script = "for each in /proc/[0-9]*; do awk '/^Uid:/ { print $2 }' \"$each/status\" 2>/dev/null; done"
    for service, one in server.stack.containers().items():
        users, *_ = table()[SERVICES[service]]
        told = set(re.findall(r"\d+", users)) | ({"0"} if "root" in users else set())
        assert set(inside(one, "sh", "-c", script).split()) == told, service


def test_what_fills_a_volume_never_ran(server: Server) -> None:
    for one in filter(fills, everyone(server)):
        assert one.status == "created", one.name
        assert one.attrs["Config"]["User"] == "65534:65534", one.name


def test_the_processes_have_the_limits_that_were_declared(server: Server) -> None:
    for name, one in server.stack.containers().items():
        limits = inside(one, "cat", "/proc/self/limits")
        rows = {line[:26].strip(): line[26:].split()[:2] for line in limits.splitlines()[1:]}
        assert rows["Max open files"] == [str(OPEN_FILES)] * 2, name
        assert rows["Max processes"] == [str(PROCESSES)] * 2, name
        assert rows["Max core file size"] == ["0", "0"], name


def root_processes(container: Container) -> list[str]:
    """Return the names of the processes whose real user is root, without the one that looks."""
    script = (
        "for each in /proc/[0-9]*; do "
        '[ "$each" = "/proc/$$" ] || awk \'/^Name:/ { name = $2 } /^Uid:/ && $2 == 0 { print name }\' '
        '"$each/status" 2>/dev/null; done'
    )
    return [name for name in inside(container, "sh", "-c", script).split() if name not in {"awk", "sh"}]


def test_one_process_in_all_is_root_also_while_many_are_logged_in(server: Server) -> None:
    containers = server.stack.containers()
    with ExitStack() as sessions:
        for _ in range(10):
            sessions.enter_context(server.submission(ALICE))
        found = {name: root_processes(one) for name, one in containers.items()}
    assert found.pop("postfix") == ["master"], "the master starts each service as somebody without rights"
    assert not {name: roots for name, roots in found.items() if roots}


def test_the_machine_sees_processes_of_users_alone_that_it_does_not_have(server: Server) -> None:
    for name, one in server.stack.containers().items():
        seen = one.top(ps_args="-eo pid,uid,comm")["Processes"]
        assert seen, name
        strangers = [(user, program) for _, user, program in seen if not FIRST <= int(user) <= LAST]
        assert strangers == ([("0", "master")] if name == "postfix" else []), name


def owners(server: Server, volume: str) -> set[int]:
    """Return the user and group ids that anything in a volume belongs to."""
    image = server.stack.containers()["postfix"].image
    assert image is not None
    told = server.stack.docker.containers.run(
        image,
        ["/data", "-printf", "%U\\n%G\\n"],
        entrypoint="find",
        user="0:0",
        volumes={volume: {"bind": "/data", "mode": "ro"}},
        network_mode="none",
        remove=True,
    )
    return set(map(int, told.split()))


def test_what_is_kept_belongs_to_nobody_of_the_machine(server: Server) -> None:
    server.arrives(ALICE, server.deliver(ALICE))
    for one in OWNED:
        found = owners(server, f"{server.stack.full_name}-{one.volume}")
        others = {each for each in found if not FIRST <= each <= LAST}
        # The queue's own folder, and what Postfix only reads in it, are root's.
        assert others == ({0} if one.service == "postfix" else set()), one.volume
        assert one.owner in found, one.volume


def test_who_answers_for_postfix_comes_back_when_it_is_killed(server: Server) -> None:
    postfix = server.stack.containers()["postfix"]
    before = processes(postfix, "perl")
    assert before
    inside(postfix, "sh", "-c", f"kill -KILL {' '.join(before)}", user=str(HELPER))

    def others() -> bool:
        now = processes(postfix, "perl")
        return bool(now) and not now & before

    until(others, 60, "another helper listens")
    until(lambda: works(server), 60, "a user can send again")


def test_mail_is_taken_while_what_postfix_remembers_hangs_and_after_it_was_killed(server: Server) -> None:
    postfix = server.stack.containers()["postfix"]
    before = processes(postfix, "memcached")
    assert before
    try:
        inside(postfix, "sh", "-c", f"kill -STOP {' '.join(before)}", user=str(POSTFIX))
        server.arrives(ALICE, server.deliver(ALICE))
        with server.smtp() as client:
            (unknown,) = client.rcpt_codes("nobody@example.test", sender="friend@peer.test")
        assert unknown[0] == 550
    finally:
        inside(postfix, "sh", "-c", f"kill -KILL {' '.join(before)}", user=str(POSTFIX))
    server.arrives(ALICE, server.deliver(ALICE))
    until(lambda: processes(postfix, "memcached") - before, 60, "there is another one")


def test_nobody_but_postfix_hears_who_has_a_mailbox(server: Server) -> None:
    postfix = server.stack.containers()["postfix"]
    ask = ["perl", "-MIO::Socket::UNIX", "-e", "IO::Socket::UNIX->new($ARGV[0]) or exit 1", MEMORY]
    assert postfix.exec_run(ask, user=str(POSTFIX)).exit_code == 0
    for user in (str(HELPER), str(POSTSRSD), "nobody", "65533"):
        assert postfix.exec_run(ask, user=user).exit_code == 1, user


SECRETS = "/run/postfix/secrets"


def readable(container: Container, user: str) -> set[str]:
    """Return which of Postfix's secrets a user reads, those of its tables under one name."""
    paths = inside(container, "find", SECRETS, "-type", "f").splitlines()
    assert paths
    return {
        path.removeprefix(f"{SECRETS}/").split("/")[0]
        for path in paths
        if container.exec_run(["cat", path], user=user).exit_code == 0
    }


def test_nobody_reads_no_secret_of_postfix_and_postfix_no_key(server: Server) -> None:
    container = server.stack.containers()["postfix"]
    assert readable(container, "root") == {"inner.key", "mysql", "older.key", "srs", "tls.key"}
    assert readable(container, "postfix") == {"mysql"}, "a key is read before the rights of root are given up"
    assert readable(container, "helper") == set()
    assert readable(container, "nobody") == set()
    assert readable(container, "65533") == set()
    server.arrives(ALICE, server.deliver(ALICE))  # all that needs a key or a table has read it


def test_the_root_password_of_mysql_opens_nothing(server: Server) -> None:
    database = server.stack.containers()["mysql"]
    script = 'MYSQL_PWD="$(cat /run/secrets/root_password)" exec mysql --user=root --execute="DO 1" "$@"'
    for way in ([], ["--protocol=tcp", "--host=127.0.0.1"]):
        code, output = database.exec_run(["sh", "-c", script, "sh", *way])
        assert isinstance(output, bytes)
        assert code != 0
        assert "locked" in output.decode() or "denied" in output.decode(), output.decode()
    assert "locked" in inside(database, "sh", "-c", f"{script} 2>&1", "sh"), "the password itself is right"


def works(server: Server) -> bool:
    """Whether a user can log in to send."""
    try:
        with server.submission(ALICE):
            return True
    except (OSError, SMTPException):
        return False
