"""Chains of aliases: round in circles, or longer or wider than Postfix follows.

Owns what needs more than one step from alias to alias. Does not own a single step: the form and the
provider each know theirs.
"""

from collections.abc import Iterator, Mapping, Sequence

Targets = Mapping[str, Sequence[str]]
"""Alias -> its targets; an address that is not a key is where a chain ends."""

DEEPEST = 100
"""Aliases in a row. Postfix gives up after 1000 (virtual_alias_recursion_limit) and defers the mail for
ever."""

WIDEST = 10_000
"""Addresses that one alias may lead to, each counted as often as an alias on the way names it: so does
Postfix (virtual_alias_expansion_limit, rendered from here); beyond it mail is deferred for ever."""


def faults(targets: Targets) -> Iterator[tuple[str, str]]:
    """Return (alias, what is wrong with its targets), each circle once."""
    depths: dict[str, int] = {}
    widths: dict[str, int] = {}
    for start in targets:
        for circle in _follow(start, targets, depths, widths):
            yield circle[-1], f"goes round in circles: {' -> '.join(circle)}; remove one of these targets"
    for alias, depth in depths.items():
        if depth == DEEPEST + 1:  # those above it are longer still, for the same reason
            yield (
                alias,
                f"leads through {depth} aliases, and {DEEPEST} are followed; name the last one directly",
            )
    for alias, width in widths.items():
        # Those above it are wider still, for the same reason.
        if (
            width > WIDEST
            and depths[alias] <= DEEPEST
            and all(widths.get(target, 1) <= WIDEST for target in targets[alias])
        ):
            yield alias, _too_wide(alias, width, targets)


def _too_wide(alias: str, width: int, targets: Targets) -> str:
    ends = _ends(alias, targets)
    said = f"leads to {width} addresses, and Postfix follows {WIDEST}"
    if len(ends) > WIDEST:
        return f"{said}; take some away, or let people write to two aliases in place of this one"
    return (
        f"{said}: each counts as often as the aliases on the way name it; name the {len(ends)} different "
        "ones here directly, in place of these aliases"
    )


def _follow(
    start: str, targets: Targets, depths: dict[str, int], widths: dict[str, int]
) -> Iterator[list[str]]:
    """Return the circles that are met below `start`; enter into `depths` how many aliases each one leads
    through, and into `widths` to how many addresses."""
    path = {} if start in depths else {start: iter(targets[start])}
    while path:
        here = next(reversed(path))
        target = next(path[here], None)
        if target is None:
            depths[here] = 1 + max((depths.get(one, 0) for one in targets[here]), default=0)
            widths[here] = sum(widths.get(one, 1) for one in targets[here])
            del path[here]
        elif target in path:
            names = list(path)
            yield [*names[names.index(target) :], target]
        elif target in targets and target not in depths:
            path[target] = iter(targets[target])


def _ends(alias: str, targets: Targets) -> set[str]:
    """Return the different addresses at which an alias ends."""
    seen = {alias}
    waiting = [alias]
    while waiting:
        for target in targets.get(waiting.pop(), ()):
            if target not in seen:
                seen.add(target)
                waiting.append(target)
    return {one for one in seen if one not in targets}
