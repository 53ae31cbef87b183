"""What every guide can do, and the walk over a vocabulary."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from seqstudio.records.messages import Constraints

Mask = NDArray[np.bool_]
_State = TypeVar("_State")


class Guide(ABC):
    """Follows one piece while it is written.

    Attributes:
        bars: Bars that were closed since `begin`; a pickup is none.
        ended: The piece is complete.
        note: Why something could not be kept to, "" when all was.
    """

    bars: int = 0
    ended: bool = False
    note: str = ""
    signs: ClassVar[tuple[str, ...]] = ()
    """What closes a bar; a region ends with it unless what follows begins with it."""

    @abstractmethod
    def __init__(
        self, constraints: Constraints, symbols: Sequence[str], *, region: bool = False
    ) -> None:
        """See `guide`."""

    @abstractmethod
    def push(self, token: str) -> None:
        """Read the next token, whatever it is."""

    @property
    @abstractmethod
    def at_bar(self) -> bool:
        """Whether nothing of the next bar is there yet."""

    def surplus(self, after: str) -> int:
        """Return how many tokens at the end of a region stand in what follows it already."""
        closed = self.ended and after.lstrip(" ").startswith(self.signs)
        return int(closed)

    @abstractmethod
    def begin(self) -> None:
        """Count bars from here on: what was read so far is the prompt."""

    @abstractmethod
    def allowed(self) -> Mask | None:
        """Return which tokens may come (V,), None when all may."""

    @abstractmethod
    def steer(self, constraints: Constraints) -> None:
        """Keep to other constraints from here on."""

    @abstractmethod
    def land(self) -> None:
        """Let the piece end with the bar that goes on, or the next one at a bar line."""


@dataclass
class _Node:
    number: int = -1
    children: dict[str, _Node] = field(default_factory=dict)


class Tokens(Generic[_State]):
    """The tokens of a vocabulary as a tree of characters, walked with the rules of a grammar."""

    def __init__(self, symbols: Sequence[str]) -> None:
        self._count = len(symbols)
        self._root = _Node()
        for number, symbol in enumerate(symbols):
            node = self._root
            for char in symbol:
                node = node.children.setdefault(char, _Node())
            node.number = number

    def mask(
        self,
        state: _State,
        step: Callable[[_State, str], _State | None],
        goes_on: Callable[[_State], bool],
    ) -> Mask:
        """Return which tokens (V,) can be read from `state`, character by character.

        Args:
            state: Where to begin.
            step: Returns the state after a character, None where it may not come.
            goes_on: Tells whether a token may end in a state.
        """
        mask = np.zeros(self._count, np.bool_)
        waiting = [(self._root, state)]
        while waiting:
            node, before = waiting.pop()
            for char, child in node.children.items():
                after = step(before, char)
                if after is None:
                    continue
                mask[child.number] |= child.number >= 0 and goes_on(after)
                if child.children:
                    waiting.append((child, after))
        return mask
