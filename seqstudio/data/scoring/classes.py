"""Measures of classification. Shape legend: n = answers, C = classes.

Source: for F1 Manning, Raghavan and Schütze 2008, "Introduction to information retrieval", ch. 13;
for the calibration error Guo et al. 2017, "On calibration of modern neural networks".
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from seqstudio.data.vocabulary import name_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

BINS = 10


def class_name(name: str) -> str:
    """Return the name of a class for people; one that is a single sign is told in words."""
    return name_of(name) if len(name) == 1 else name


@dataclass(frozen=True)
class Classified:
    """How well classes were told.

    Attributes:
        confusion: (C, C) answers; rows are the true classes, columns the predicted ones.
        nats: Mean surprise of the true class.
        reliability: (bins, 3) of each bin of confidence with answers in it: mean confidence,
            share of right answers, number of answers.
    """

    confusion: NDArray[np.int64]
    nats: float
    reliability: NDArray[np.float64]

    @property
    def count(self) -> int:
        """Answers."""
        return int(self.confusion.sum())

    @property
    def accuracy(self) -> float:
        """Share of right answers, NaN without any."""
        return float(np.trace(self.confusion) / self.count) if self.count else float("nan")

    @property
    def majority(self) -> float:
        """Accuracy of always naming the class that is true most often."""
        return float(self.confusion.sum(1).max() / self.count) if self.count else float("nan")

    @cached_property
    def precision(self) -> NDArray[np.float64]:
        """(C,) share of right ones among the answers that name a class; 0 where none does."""
        return _ratio(np.diag(self.confusion), self.confusion.sum(0))

    @cached_property
    def recall(self) -> NDArray[np.float64]:
        """(C,) share of a class that was found; 0 where there is none."""
        return _ratio(np.diag(self.confusion), self.confusion.sum(1))

    @cached_property
    def f1(self) -> NDArray[np.float64]:
        """(C,) 2 P R / (P + R); 0 where nothing of a class is right."""
        return _ratio(2 * self.precision * self.recall, self.precision + self.recall)

    @property
    def macro_f1(self) -> float:
        """Mean F1 of the classes that occur or are predicted: small classes count like large."""
        seen = (self.confusion.sum(0) + self.confusion.sum(1)) > 0
        return float(self.f1[seen].mean()) if seen.any() else float("nan")

    @property
    def calibration_error(self) -> float:
        """Expected calibration error: mean gap of confidence and accuracy over the bins."""
        confidence, right, number = self.reliability.T
        total = number.sum()
        return float((np.abs(confidence - right) * number).sum() / total) if total else 0.0


def classified(p: NDArray[np.floating], truth: NDArray[np.integer]) -> Classified:
    """Measure answers.

    Args:
        p: (n, C) probabilities; rows sum to 1.
        truth: (n,) true classes.

    Raises:
        ValueError: The shapes do not go together.
    """
    if p.ndim != 2 or truth.shape != p.shape[:1]:
        msg = f"probabilities {p.shape} do not go with classes {truth.shape}"
        raise ValueError(msg)
    true_p = np.take_along_axis(p, truth[:, None], 1)[:, 0]
    return told_classes(p.shape[1], p.argmax(1), p.max(1, initial=0.0), truth, true_p)


def told_classes(
    classes: int,
    told: NDArray[np.integer],
    confidence: NDArray[np.floating],
    truth: NDArray[np.integer],
    true_p: NDArray[np.floating],
) -> Classified:
    """Measure answers of which only the likeliest class is kept.

    Args:
        classes: C, how many there are.
        told: (n,) likeliest class.
        confidence: (n,) its probability.
        truth: (n,) true class.
        true_p: (n,) probability of the true class.
    """
    confusion = np.bincount(truth * classes + told, minlength=classes**2)
    surprise = -np.log(np.maximum(true_p, 1e-300))
    nats = float(surprise.mean()) if len(truth) else float("nan")
    bins = _reliability(confidence, told == truth)
    return Classified(confusion.reshape(classes, classes).astype(np.int64), nats, bins)


def _reliability(
    confidence: NDArray[np.floating], right: NDArray[np.bool_]
) -> NDArray[np.float64]:
    place = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    number = np.bincount(place, minlength=BINS).astype(np.float64)
    sums = [np.bincount(place, weights, BINS) for weights in (confidence, right)]
    table = np.stack([*(_ratio(total, number) for total in sums), number], 1)
    return table[number > 0]


def _ratio(top: NDArray[np.generic], bottom: NDArray[np.generic]) -> NDArray[np.float64]:
    out = np.zeros(top.shape, np.float64)
    np.divide(top, bottom, out=out, where=np.asarray(bottom) > 0)
    return out
