"""The accounts file: YAML 1.2 that holds what would stand under `accounts:` of the stack file.

Owns reading it, and what a person is told of a file that cannot be read. Does not own what it declares
(accounts/). Loaded only where a stack names such a file: the reader takes as long to load as the whole form.
"""

import re
import warnings
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import ConstructorError, SafeConstructor
from ruamel.yaml.error import ReusedAnchorWarning, YAMLError
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.resolver import VersionedResolver

NO_CORE_KIND = {"tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:value"}
"""Kinds of plain values that YAML 1.2's core schema does not have."""

NAMES = re.compile(r"(alias|anchor|tag|handle) ['\"].*")
"""What the reader quotes of the file in its messages: a password may begin with `*`, `&` or `!`."""


SECOND_PLACE = re.compile(r"second occurrence\s.*?line (\d+), column (\d+)", re.DOTALL)


def read_accounts(path: str) -> Any:
    """Return the content of an accounts file; raise ValueError with what is wrong with it, on one line."""
    yaml = YAML(typ="safe", pure=True)
    yaml.Constructor, yaml.Resolver = _Constructor, _Resolver
    try:
        text = Path(path).read_text(encoding="utf-8")
        with warnings.catch_warnings():
            warnings.simplefilter("error", ReusedAnchorWarning)
            content = yaml.load(text)
    except ReusedAnchorWarning as warning:
        place = SECOND_PLACE.search(str(warning))
        where = f" (line {place[1]}, column {place[2]})" if place else ""
        raise ValueError(f"is not YAML: an anchor stands twice{where}; correct it there") from None
    except OSError as error:
        reason = (error.strerror or "unknown reason").lower()
        raise ValueError(
            f"cannot be read ({reason}); correct the path, which starts at the project's folder"
        ) from None
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8 text; save it as such") from None
    except YAMLError as error:
        raise ValueError(f"is not YAML: {_problem(error)}") from None
    return {} if content is None else content


def _problem(error: YAMLError) -> str:
    """Return what is wrong and where; never the line itself, for somebody may have put a password there."""
    problem = NAMES.sub(r"\1", getattr(error, "problem", None) or "it holds characters that no text has")
    mark = getattr(error, "problem_mark", None)
    where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
    return f"{problem}{where}; correct it there"


class _Resolver(VersionedResolver):
    """Tells the kind of a plain value by the core schema of YAML 1.2, whatever a `%YAML` line says.

    So `no`, `12:30`, `1_000` and `=` are texts. A date is one, too: no setting is a date, and `reset` is
    often written like one.
    """

    def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
        """Return the tag of a node that has none of its own."""
        tag = super().resolve(kind, value, implicit)
        if kind is ScalarNode and (tag.suffix in NO_CORE_KIND or "_" in value):
            return self.DEFAULT_SCALAR_TAG
        return tag

    @property
    def processing_version(self) -> tuple[int, int]:
        """Return the version of YAML that is read."""
        return (1, 2)


class _Constructor(SafeConstructor):
    """Makes plain values, and refuses a key that stands twice: one of the two would silently be lost."""

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        """Return the value of `node`; raise ConstructorError where a tag such as `!!int` asks for another."""
        try:
            return super().construct_object(node, deep)
        except (ValueError, LookupError, AttributeError, TypeError):
            raise ConstructorError(
                problem="a value is not of the kind that its tag says", problem_mark=node.start_mark
            ) from None

    def check_mapping_key(self, node: Any, key_node: Any, mapping: Any, key: Any, value: Any) -> bool:  # noqa: ARG002
        """Return whether `key` is new in its mapping; raise ConstructorError otherwise."""
        if not isinstance(key_node, ScalarNode):
            raise ConstructorError(problem="found unhashable key", problem_mark=key_node.start_mark)
        if key in mapping:
            raise ConstructorError(problem=f"the key {key!r} stands twice", problem_mark=key_node.start_mark)
        return True
