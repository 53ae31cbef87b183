"""Which block of the catalogue, with which settings, makes a given constructor call.

A declaration turns settings into a call. The way back is a search: one setting after the other
takes the value that brings the call closest to the one that is wanted, until they are equal.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from seqstudio.blocks import ports
from seqstudio.blocks.catalogue import KINDS
from seqstudio.blocks.declaration import BlockKind, Call, Context, DataFacts, Shape
from seqstudio.core.errors import SeqError
from seqstudio.document.graph import Block
from seqstudio.document.param import Param, Value

_ROUNDS = 4
_WRONG_CLASS, _REFUSED = 1_000, 500


@dataclass(frozen=True)
class Found:
    """A block that makes the call.

    Attributes:
        kind: Its kind.
        params: Its settings.
        shapes: Shape at each of its outputs.
    """

    kind: str
    params: Mapping[str, Value]
    shapes: Mapping[str, Shape]


def find_kind(
    key: str,
    call: Call,
    given: Sequence[Shape],
    named: Mapping[str, Shape],
    facts: DataFacts,
    only: str = "",
) -> Found | None:
    """Return the block that makes a call of what arrives, or None.

    Args:
        key: Id of the block; among several kinds that fit, the one it is named after wins.
        call: What has to be made.
        given: Shapes at the required inputs, in order.
        named: Shapes at optional inputs.
        facts: Facts about the data.
        only: The one kind to try, "" for all.
    """
    stem = re.sub(r"[0-9_]+$", "", key)
    kinds = [KINDS[only]] if only else [k for k in KINDS.values() if _open(k)]
    for kind in sorted(kinds, key=lambda each: each.kind != stem):
        found = _Search(kind, call, given, named, facts).run()
        if found is not None:
            return found
    return None


def _open(kind: BlockKind) -> bool:
    return not kind.stream and kind.starter is None and kind.place != "inside"


class _Search:
    """The settings of one kind."""

    def __init__(
        self,
        kind: BlockKind,
        call: Call,
        given: Sequence[Shape],
        named: Mapping[str, Shape],
        facts: DataFacts,
    ) -> None:
        self.kind = kind
        self.call = call
        self.given = given
        self.named = named
        self.facts = facts

    def run(self) -> Found | None:
        """Return the settings that make the call, or None."""
        best = dict(self.kind.defaults())
        score = self.distance(best)
        for _ in range(_ROUNDS):
            before = score
            for param in self.kind.params:
                for value in self._candidates(param):
                    trial = {**best, param.name: value}
                    distance = self.distance(trial)
                    if distance < score:
                        best, score = trial, distance
            if score in {0, before}:
                break
        return None if score else Found(self.kind.kind, best, self._shapes(best))

    def distance(self, params: Mapping[str, Value]) -> int:
        """Return in how many arguments the call of these settings differs; 0 is the same."""
        try:
            context = self._context(params)
            made = self.kind.module(context)
        except (SeqError, KeyError, ArithmeticError, ValueError, IndexError):
            return 2 * _WRONG_CLASS
        refused = 0
        try:
            self.kind.shape(context)
        except (SeqError, KeyError, ArithmeticError, ValueError, IndexError):
            refused = _REFUSED
        names = {*made.args, *self.call.args}
        wrong = sum(made.args.get(name) != self.call.args.get(name) for name in names)
        return wrong + refused + (_WRONG_CLASS if made.cls != self.call.cls else 0)

    def _context(self, params: Mapping[str, Value]) -> Context:
        parsed = self.kind.parse(params)
        inputs = ports.inputs(Block("x", self.kind.kind, params=parsed))
        required = [port.name for port in inputs if not port.optional]
        known = {port.name for port in inputs}
        if len(required) != len(self.given) or not set(self.named) <= known:
            raise KeyError(self.kind.kind)
        for port, shape in zip((p for p in inputs if not p.optional), self.given, strict=True):
            if port.kind != shape.kind:
                raise KeyError(port.name)
        return Context(parsed, {**dict(zip(required, self.given, strict=True)), **self.named},
                       self.facts)  # fmt: skip

    def _shapes(self, params: Mapping[str, Value]) -> Mapping[str, Shape]:
        return self.kind.shape(self._context(params))

    def _candidates(self, param: Param) -> Iterator[Value]:
        """Yield values that the call may come from."""
        if param.kind == "bool":
            yield from (False, True)
        elif param.kind == "choice":
            yield from (value for value, _ in param.choices)
        elif param.kind in {"int", "float"}:
            yield from self._numbers(param)

    def _numbers(self, param: Param) -> Iterator[Value]:
        seen = [v for v in self.call.args.values() if isinstance(v, (int, float))]
        widths = [shape.width for shape in (*self.given, *self.named.values()) if shape.width]
        ratios = [a / b for a in (*seen, *widths) for b in (*seen, *widths) if b]
        wanted = param.kind
        for value in dict.fromkeys([*seen, *ratios]):
            fits = param.low <= value <= param.high
            if fits and (wanted == "float" or float(value).is_integer()):
                yield int(value) if wanted == "int" else float(value)
