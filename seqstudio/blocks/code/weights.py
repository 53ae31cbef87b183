"""Names of weights: the program keeps blocks in containers, the exported classes do not."""

from __future__ import annotations

from collections.abc import Iterable

from seqstudio.blocks.plan import Plan


def plain_names(plan: Plan, names: Iterable[str]) -> dict[str, str]:
    """Return the exported name of each weight of the program: "blocks.lstm.w" is "lstm.w"."""
    return {name: _plain(plan, name) for name in names}


def _plain(plan: Plan, name: str) -> str:
    container, _, rest = name.partition(".")
    if container == "states":
        return rest
    attribute, _, tail = rest.partition(".")
    inner = next((n.inner for n in plan.nodes if n.name == attribute), None)
    return f"{attribute}.{_plain(inner, tail)}" if inner is not None else rest
