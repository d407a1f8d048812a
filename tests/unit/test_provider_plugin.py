"""The plugin as the engine meets it: a process that speaks gRPC and shows no secret."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc  # type: ignore[import-untyped]  # publishes no types
import pytest
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import engine_pb2_grpc, provider_pb2_grpc
from pulumi.runtime.proto import provider_pb2 as proto
from pulumi.runtime.rpc import _special_secret_sig, _special_sig_key

from mailinfra.provider.values import marked_map

ROOT = Path(__file__).parents[2]
URN = "urn:pulumi:dev::mailinfra::mailinfra:index:Accounts$mailinfra:index:Directory::accounts"
ALICE = "alice@example.test"


class Terminal(engine_pb2_grpc.EngineServicer):
    """Keeps what a person at the terminal would read."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def Log(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's name
        self.lines.append(request.message)
        return Empty()


@pytest.fixture(scope="module")
def terminal() -> Iterator[tuple[Terminal, str]]:
    """Yield an engine that takes log lines, and its address."""
    terminal, server = Terminal(), grpc.server(futures.ThreadPoolExecutor(2))
    engine_pb2_grpc.add_EngineServicer_to_server(terminal, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield terminal, f"127.0.0.1:{port}"
    server.stop(None).wait()


@pytest.fixture(scope="module")
def plugin(terminal: tuple[Terminal, str]) -> Iterator[Any]:
    """Yield the stub of a plugin that was started as the engine starts it."""
    command = [f"{ROOT}/plugins/pulumi-resource-mailinfra", terminal[1]]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield provider_pb2_grpc.ResourceProviderStub(channel)
        process.terminate()


def inputs(**changes: Any) -> Any:
    bag = {
        "connection": {"host": "h", "port": 1, "user": "u", "password": "hush", "ca": "", "database": "mail"},
        "domains": {"example.test": {}},
        "mailboxes": {ALICE: {"enabled": True}},
        "aliases": {},
        "passwords": {ALICE: "hush hush"},
        "undeclared": "keep",
        "hashing": {},
    }
    return marked_map(bag | changes)


def secret_paths(bag: Any, path: str = "") -> set[str]:
    """Return the paths of everything in a property bag that is marked as a secret."""
    if _special_sig_key in bag.fields:
        assert bag.fields[_special_sig_key].string_value == _special_secret_sig
        return {path}
    found: set[str] = set()
    for name, value in bag.fields.items():
        found |= (
            secret_paths(value.struct_value, f"{path}.{name}") if value.HasField("struct_value") else set()
        )
    return found


def test_the_engine_learns_that_secrets_may_come_as_secrets(plugin: Any) -> None:
    answer = plugin.Configure(proto.ConfigureRequest(acceptSecrets=True))
    assert answer.acceptSecrets
    assert answer.supportsPreview


def test_checked_and_foretold_accounts_keep_every_secret_marked(plugin: Any) -> None:
    checked = plugin.Check(proto.CheckRequest(urn=URN, news=inputs()))
    assert not checked.failures
    assert secret_paths(checked.inputs) == {".connection.password", ".passwords"}
    foretold = plugin.Create(proto.CreateRequest(urn=URN, properties=checked.inputs, preview=True))
    secrets = {".connection.password", ".passwords", ".initialPasswords", ".fingerprints"}
    assert secret_paths(foretold.properties) == secrets


def test_a_mistake_names_its_place_and_quotes_no_secret(plugin: Any) -> None:
    wrong = inputs(passwords={ALICE: "{SHA}hunter2"}, mailboxes={ALICE: {}, "b@nowhere.test": {}})
    failures = plugin.Check(proto.CheckRequest(urn=URN, news=wrong)).failures
    assert [failure.property for failure in failures] == ["", ""], (
        "or the engine prints that property's value"
    )
    assert failures[0].reason.startswith('mailboxes["b@nowhere.test"]: ')
    assert failures[1].reason.startswith(f'passwords["{ALICE}"]: ')
    assert "hunter2" not in str(failures)


def test_a_diff_names_the_changed_property_by_its_address(plugin: Any) -> None:
    changed = inputs(mailboxes={ALICE: {"enabled": False}})
    answer = plugin.Diff(proto.DiffRequest(urn=URN, id="mail", olds=inputs(), news=changed))
    assert answer.changes == proto.DiffResponse.DIFF_SOME
    assert dict(answer.detailedDiff) == {
        f'mailboxes["{ALICE}"].enabled': proto.PropertyDiff(kind=proto.PropertyDiff.UPDATE)
    }
    assert list(answer.replaces) == []
    same = plugin.Diff(proto.DiffRequest(urn=URN, id="mail", olds=inputs(), news=inputs()))
    assert same.changes == proto.DiffResponse.DIFF_NONE


def test_a_preview_says_what_becomes_of_the_mail(plugin: Any, terminal: tuple[Terminal, str]) -> None:
    fewer = inputs(mailboxes={}, passwords={})
    plugin.Update(proto.UpdateRequest(urn=URN, id="mail", olds=inputs(), news=fewer, preview=True))
    assert (
        f"mailbox {ALICE} is removed: logins end; its mail stays in /mail/example.test/alice"
        in terminal[0].lines
    )


def test_a_database_that_is_not_there_is_one_sentence_without_a_stack_trace(plugin: Any) -> None:
    nowhere = {"host": "127.0.0.1", "port": 1, "user": "u", "password": "hush", "ca": "", "database": "mail"}
    with pytest.raises(grpc.RpcError) as caught:
        plugin.Create(proto.CreateRequest(urn=URN, properties=inputs(connection=nowhere)))
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert "database 'mail' at 127.0.0.1:1" in caught.value.details()
    assert "start the server, or correct host and port" in caught.value.details()
    assert "Traceback" not in caught.value.details()


def test_a_resource_that_does_not_exist_is_one_sentence(plugin: Any) -> None:
    with pytest.raises(grpc.RpcError, match="has no resource 'mailinfra:index:Quota'"):
        plugin.Check(proto.CheckRequest(urn="urn:pulumi:dev::p::mailinfra:index:Quota::q", news=inputs()))


def test_without_an_environment_the_plugin_says_what_brings_one(tmp_path: Path) -> None:
    script = tmp_path / "plugins" / "pulumi-resource-mailinfra"
    script.parent.mkdir()
    script.write_text((ROOT / "plugins" / "pulumi-resource-mailinfra").read_text())
    done = subprocess.run(["sh", str(script), "127.0.0.1:1"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "run 'make up', or create .venv from requirements.txt" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_provider_that_is_told_to_end_says_nothing(number: signal.Signals) -> None:
    words = [sys.executable, "-m", "mailinfra.provider.ending", "mailinfra.provider", "127.0.0.1:1"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as provider:
        assert provider.stdout is not None
        assert provider.stdout.readline().strip().isdigit(), "it answers"
        provider.send_signal(number)
        assert provider.communicate(timeout=20)[0] == "", "a person would read it"
    assert provider.returncode == 0


def loaded_after(statement: str) -> set[str]:
    """Return the modules that are loaded in a new process after a statement."""
    program = f"import sys; {statement}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
    )
    return set(done.stdout.split())


@pytest.fixture(scope="module")
def loaded_by_a_preview() -> set[str]:
    """Return the modules that are loaded in a provider that has not met a server yet."""
    return loaded_after("from mailinfra.provider import directory, rights, schema, server")


@pytest.mark.parametrize("module", ["sqlalchemy", "pymysql", "alembic", "pydantic", "argon2", "zxcvbn"])
def test_a_preview_that_changes_nothing_waits_for_no_driver(
    loaded_by_a_preview: set[str], module: str
) -> None:
    assert "mailinfra.provider.directory" in loaded_by_a_preview
    assert module not in loaded_by_a_preview, "it is loaded by every preview, and takes a part of a second"


def test_the_program_waits_for_no_driver_either() -> None:
    loaded = loaded_after("import mailinfra; mailinfra.MailServer; mailinfra.load")
    assert "mailinfra.components.mailserver" in loaded
    found = loaded & {"sqlalchemy", "pymysql", "alembic", "argon2", "zxcvbn", "ruamel"}
    assert not found, "they are loaded by every preview, and take a part of a second"
