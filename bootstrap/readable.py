"""Readable: whether a stack file is one, asked before anything is touched.

Pulumi names neither the file nor what to do where the text is not YAML; and make reads the file, too.
Owns the form of the text. Does not own what the settings mean (the program).
`python -m bootstrap.readable FILE` runs in .venv: the file is YAML.
"""

import difflib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bootstrap.commands import ask
from bootstrap.machine import Machine
from bootstrap.problem import Problem

SERVER = "mailinfra:server"
EXAMPLE = "Pulumi.example.yaml"


def require_readable(machine: Machine, file: Path) -> None:
    """Raise Problem with the place where the stack file is no YAML, or says nothing about a server."""
    words = [machine.venv_python, "-m", "bootstrap.readable", file]
    said = ask(words, env=machine.env, cwd=machine.project, timeout_seconds=30)
    if said.good and said.text:
        what, _, remedy = said.text.partition("\n")
        raise Problem(f"{file.name} {what}", remedy)


def fault(file: Path) -> tuple[str, str] | None:
    """Return what is wrong with a stack file, and what to do; None where Pulumi can read it."""
    import yaml

    try:
        text = file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        return (
            f"cannot be read: {error.strerror}",
            f"Put a file there that this user may read; {EXAMPLE} is one",
        )
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        return (
            f"is not UTF-8 text: line {line} has the byte {error.object[error.start]:#04x}",
            "Save it as UTF-8, as editors do by default",
        )
    try:
        documents = list(yaml.compose_all(text, Loader=yaml.SafeLoader))
        top = documents[0] if documents else None
        if top is not None and (found := next(_doubles(top, set()), None)):
            return found, "Keep one of the two"
    except yaml.YAMLError as error:
        return _broken(error, text)
    if later := [one for one in documents[1:] if one is not None and one.value]:
        line = later[0].start_mark.line + 1
        return (
            f"has a second document after '---', at line {line}, which nothing reads",
            "Move it into the first one, or remove it",
        )
    return _empty(top)


def _broken(error: Any, text: str) -> tuple[str, str]:
    """Explain what the parser says, in the words of who writes the file."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = str(getattr(error, "problem", None) or getattr(error, "reason", None) or error)
    if isinstance(at := getattr(error, "position", None), int):  # of a character that YAML never has
        line = text.count("\n", 0, at) + 1
        return f"is not YAML: line {line} has the character U+{ord(text[at]):04X}", "Remove it"
    if mark is None:
        return f"is not YAML: {problem}", "Correct it"
    lines = text.splitlines()
    # What is wrong with an indentation may be told of the line after it.
    for number in (mark.line, max(mark.line - 1, 0)):
        written = lines[number] if number < len(lines) else ""
        strange = written[: len(written) - len(written.lstrip())].strip(" ")
        if strange:
            what = "a tab" if "\t" in strange else f"the blank U+{ord(strange[0]):04X}"
            return (
                f"is not YAML: line {number + 1} is indented with {what}",
                "Write blanks in its place, as in the lines around it",
            )
    return (
        f"is not YAML: line {mark.line + 1}, column {mark.column + 1}: {problem}",
        "Correct that line, or the indentation of the one before it",
    )


def _doubles(node: Any, seen: set[int]) -> Iterator[str]:
    """Return each key that one group has twice: Pulumi refuses those."""
    import yaml

    if id(node) in seen:  # an alias of what was looked at before, or of what it is in
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for one in node.value:
            yield from _doubles(one, seen)
    elif isinstance(node, yaml.MappingNode):
        first: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            name = str(key.value)
            if isinstance(key, yaml.ScalarNode) and name in first:
                yield f"says {name!r} in line {first[name]} and once more in line {line}"
            first.setdefault(name, line)
            yield from _doubles(value, seen)


def _empty(top: Any) -> tuple[str, str] | None:
    """Return that the file says nothing about a server, where it does not."""
    import yaml

    copied = f"{EXAMPLE} shows how a whole one looks"
    if top is None or (isinstance(top, yaml.ScalarNode) and not top.value):
        return "is empty", copied
    if not isinstance(top, yaml.MappingNode):
        return "does not begin with a group of settings like 'config:'", copied
    groups = {str(key.value): value for key, value in top.value}
    if "config" not in groups:
        near = difflib.get_close_matches("config", groups, n=1)
        return "has no 'config'", _instead(near) or copied
    config = groups["config"]
    if not isinstance(config, yaml.MappingNode):
        return f"has no {SERVER!r} under 'config'", copied
    keys = {str(key.value): value for key, value in config.value}
    if SERVER not in keys:
        near = difflib.get_close_matches(SERVER, keys, n=1)
        return f"has no {SERVER!r} under 'config'", _instead(near) or copied
    return None


def _instead(near: list[str]) -> str:
    return f"Write it in place of {near[0]!r}, which nothing reads" if near else ""


if __name__ == "__main__":
    print("\n".join(fault(Path(sys.argv[1])) or ()))
