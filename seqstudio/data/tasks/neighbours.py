"""The nearest known example as an answer without learning.

Shape legend: N = known examples, M = asked ones, D = numbers of each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_KNOWN, MOST_ASKED = 4000, 2000
_PORTION = 512


@dataclass(frozen=True)
class Neighbours:
    """Known examples; an asked one gets the class of the nearest, in squared distance.

    Attributes:
        known: (N, D) float32.
        classes_of: (N,) their classes.
        classes: How many classes there are.
    """

    known: NDArray[np.float32]
    classes_of: NDArray[np.int64]
    classes: int

    @classmethod
    def of(cls, examples: NDArray[Any], classes_of: NDArray[np.int64], classes: int) -> Neighbours:
        """Take examples (N, ...), at most `MOST_KNOWN` of them, evenly over all."""
        some = _evenly(len(examples), MOST_KNOWN)
        return cls(_flat(examples[some]), classes_of[some], classes)

    def answers(self, asked: NDArray[Any]) -> NDArray[np.int64]:
        """Return the class (M,) of the nearest known example of each asked one (M, ...)."""
        return self.classes_of[self._nearest(_flat(asked), itself=True)]

    def accuracy(self, asked: NDArray[Any], right: NDArray[np.int64]) -> float:
        """Return the share of asked examples (M, ...) whose nearest known one is of their class.

        At most `MOST_ASKED` are asked, evenly over all.
        """
        some = _evenly(len(asked), MOST_ASKED)
        return float((self.answers(asked[some]) == right[some]).mean())

    def loss(self, asked: NDArray[Any], right: NDArray[np.int64]) -> float:
        """Return the mean loss in nats of naming the nearest one's class with a fixed certainty.

        The certainty is how often the nearest other known example of a known one is of its class.
        """
        others = self.classes_of[self._nearest(self.known, itself=False)]
        sure = float(((others == self.classes_of).sum() + 1) / (len(others) + 2))
        hit = self.accuracy(asked, right)
        wrong = (1 - sure) / max(self.classes - 1, 1)
        return float(-hit * np.log(sure) - (1 - hit) * np.log(wrong))

    def _nearest(self, asked: NDArray[np.float32], *, itself: bool) -> NDArray[np.int64]:
        """Return the number (M,) of the nearest known one; not itself where both are the same."""
        squares = np.einsum("nd,nd->n", self.known, self.known)
        found = np.empty(len(asked), np.int64)
        for start in range(0, len(asked), _PORTION):
            part = asked[start : start + _PORTION]
            distances = squares - 2 * part @ self.known.T
            if not itself:
                rows = np.arange(len(part))
                distances[rows, start + rows] = np.inf
            found[start : start + _PORTION] = distances.argmin(1)
        return found


def _flat(examples: NDArray[Any]) -> NDArray[np.float32]:
    return np.ascontiguousarray(examples.reshape(len(examples), -1), np.float32)


def _evenly(count: int, most: int) -> NDArray[np.int64]:
    if count <= most:
        return np.arange(count)
    return np.linspace(0, count - 1, most).round().astype(np.int64)
