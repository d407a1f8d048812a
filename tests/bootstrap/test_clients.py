"""The clients of the tests: taken where they are, else Debian's, else one sentence."""

import pytest

from bootstrap.clients import bring_clients
from bootstrap.problem import Problem
from tests.bootstrap.conftest import World


def test_clients_on_path_are_taken_whatever_their_browser_is_called(world: World) -> None:
    for program in ("google-chrome", "curl", "named-checkzone", "openssl", "swaks"):
        world.program(program)
    bring_clients(world.machine(root=False))
    assert world.said == "Test clients      bind9-utils, chromium, curl, openssl, swaks, on PATH\n"


def test_only_what_is_missing_is_installed(world: World) -> None:
    for program in ("curl", "named-checkzone", "openssl", "apt-get"):
        world.program(program)
    bring_clients(world.machine())
    (install,) = [call for call in world.calls if " install " in call]
    assert install.endswith(" chromium libnet-ssleay-perl swaks"), "swaks alone speaks no TLS"


def test_without_root_a_missing_client_is_a_sentence_with_the_command(world: World) -> None:
    for program in ("chromium", "curl", "named-checkzone", "openssl"):
        world.program(program)
    with pytest.raises(Problem, match=r"use swaks, and only root can install that .*apt-get install swaks"):
        bring_clients(world.machine(root=False))
