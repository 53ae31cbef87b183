"""`seqstudio check --values`: what flows on every wire, from one real batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from seqstudio.cli.console import print_json, table, told
from seqstudio.document.project import Project
from seqstudio.records.peek import Peeked, PeekFailed


def print_values(project: Project, base: Path, *, as_json: bool) -> None:
    """Print shape, mean and spread of what flows on every wire, inside of blocks too.

    Raises:
        SeqError: The data cannot be used.
    """
    from seqstudio.engine.peeking import every_wire

    found = every_wire(project, base)
    if as_json:
        for each in found:
            print_json(_record(each))
        return
    rows: list[tuple[str, ...]] = [("wire from", "shape", "mean", "spread", "min", "max", "zeros")]
    rows += [_row(each) for each in found if isinstance(each, Peeked)]
    for line in table(rows):
        print(line)
    for each in found:
        if isinstance(each, PeekFailed):
            print(f"problem: {_place(each)}: {told(each.what, each.why, each.hint)}")
    weights = next((each.weights for each in found if isinstance(each, Peeked)), "")
    if weights:
        print(f"values of one batch, {weights}")


def _place(each: Peeked | PeekFailed) -> str:
    port = f".{each.port}" if isinstance(each, Peeked) else ""
    return "/".join((*each.path, each.block)) + port


def _row(each: Peeked) -> tuple[str, ...]:
    shape = " ".join(f"{n}{s}" for n, s in zip(each.names, each.sizes, strict=True))
    numbers = (each.mean, each.spread, each.low, each.high)
    return _place(each), shape, *(f"{value:.4g}" for value in numbers), f"{each.zeros:.1%}"


def _record(each: Peeked | PeekFailed) -> dict[str, Any]:
    if isinstance(each, PeekFailed):
        return {
            "kind": "problem",
            "block": _place(each),
            "what": each.what,
            "why": each.why,
            "hint": each.hint,
        }
    return {
        "kind": "values",
        "path": list(each.path),
        "block": each.block,
        "port": each.port,
        "dimensions": list(each.names),
        "shape": list(each.sizes),
        "dtype": each.dtype,
        "mean": each.mean,
        "spread": each.spread,
        "min": each.low,
        "max": each.high,
        "zeros": each.zeros,
        "not_finite": each.bad,
        "weights": each.weights,
    }
