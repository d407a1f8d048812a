"""Chains of aliases: round in circles, or longer or wider than Postfix follows.

Owns what needs more than one step from alias to alias. Does not own a single step: the form and the
provider each know theirs.
"""

from collections.abc import Iterator, Mapping, Sequence

Targets = Mapping[str, Sequence[str]]
"""Alias -> its targets; an address that is no key is where a chain ends."""

DEEPEST = 100
"""Aliases in a row. Postfix gives up after 1000 (virtual_alias_recursion_limit) and defers the mail for
ever."""

WIDEST = 1000
"""Addresses that one alias may lead to, in all: virtual_alias_expansion_limit; beyond it mail is deferred
for ever."""


def faults(targets: Targets) -> Iterator[tuple[str, str]]:
    """Return (alias, what is wrong with its targets), each circle once."""
    depths: dict[str, int] = {}
    for start in targets:
        for circle in _follow(start, targets, depths):
            yield circle[-1], f"goes round in circles: {' -> '.join(circle)}; remove one of these targets"
    for alias, depth in depths.items():
        if depth == DEEPEST + 1:  # those above it are longer still, for the same reason
            yield (
                alias,
                f"leads through {depth} aliases, and {DEEPEST} are followed; name the last one directly",
            )
    for alias in targets:
        if depths.get(alias, 0) <= DEEPEST and _width(alias, targets) > WIDEST:
            yield alias, f"leads to more than {WIDEST} addresses, and Postfix follows no more; split it"


def _follow(start: str, targets: Targets, depths: dict[str, int]) -> Iterator[list[str]]:
    """Return the circles that are met below `start`; enter into `depths` how many aliases each one leads
    through."""
    path = {} if start in depths else {start: iter(targets[start])}
    while path:
        here = next(reversed(path))
        target = next(path[here], None)
        if target is None:
            depths[here] = 1 + max((depths.get(one, 0) for one in targets[here]), default=0)
            del path[here]
        elif target in path:
            names = list(path)
            yield [*names[names.index(target) :], target]
        elif target in targets and target not in depths:
            path[target] = iter(targets[target])


def _width(alias: str, targets: Targets) -> int:
    """Return how many addresses an alias leads to; counting ends above the limit."""
    seen = {alias}
    waiting = [alias]
    while waiting and len(seen) <= WIDEST + 1:
        for target in targets.get(waiting.pop(), ()):
            if target not in seen:
                seen.add(target)
                waiting.append(target)
    return len(seen) - 1
