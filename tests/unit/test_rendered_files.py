"""Every file below configs/, whichever daemon reads it: rendered as it was reviewed, and none forgotten.

Does not own the values (test_rendered_mail_files.py and those beside it), nor what a file has to say.
"""

from pathlib import Path

import pytest

from mailinfra.containers.rendering import CONFIGS, render
from tests.unit import test_rendered_filter_files, test_rendered_mail_files, test_rendered_web_files
from tests.unit.templates import names_in

GOLDEN = Path(__file__).parent / "golden"
VALUES = {
    **test_rendered_mail_files.VALUES,
    **test_rendered_web_files.VALUES,
    **test_rendered_filter_files.VALUES,
}


@pytest.mark.parametrize("path", sorted(path for path in VALUES if names_in(path)))
def test_each_file_is_what_was_reviewed(path: str) -> None:
    assert render(path, VALUES[path]) == (GOLDEN / path).read_text(), (
        "the daemon would read something new: review it, then copy it to tests/unit/golden"
    )


def test_a_file_that_asks_for_nothing_is_what_lies_under_configs() -> None:
    for path in (path for path in VALUES if not names_in(path)):
        assert render(path, VALUES[path]) == (CONFIGS / path).read_text()
        assert not (GOLDEN / path).exists(), "a copy of a file that is never filled can only go stale"


def test_no_file_under_configs_is_forgotten() -> None:
    ours = {str(path.relative_to(CONFIGS)) for path in CONFIGS.rglob("*") if path.is_file()}
    assert ours == set(VALUES) | test_rendered_mail_files.INCLUDED
