"""Measures of written sentences against right ones.

BLEU and chrF are those of sacrebleu, with its default tokens and smoothing, so that figures can be
compared with published ones. The caption score is our own reading of CIDEr.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_LONGEST_GRAM = 4


@dataclass(frozen=True)
class Written:
    """How well sentences were written.

    Attributes:
        bleu: 0 to 100.
        chrf: 0 to 100, character n-grams up to 6, beta 2.
        exact: Share of sentences that are one of the right ones, letter by letter.
        count: Sentences.
    """

    bleu: float
    chrf: float
    exact: float
    count: int


def written(told: Sequence[str], right: Sequence[Sequence[str]]) -> Written:
    """Measure sentences.

    Args:
        told: What was written.
        right: The right sentences for each, at least one.

    Raises:
        ValueError: The two differ in length, or a sentence has no right one.
    """
    if len(told) != len(right) or not all(right):
        raise ValueError("every sentence needs at least one right one")
    if not told:
        return Written(float("nan"), float("nan"), float("nan"), 0)
    from sacrebleu.metrics.bleu import BLEU  # a tenth of a second to load
    from sacrebleu.metrics.chrf import CHRF

    streams = _streams(right)
    exact = sum(line in each for line, each in zip(told, right, strict=True)) / len(told)
    bleu = BLEU().corpus_score(list(told), streams).score
    chrf = CHRF().corpus_score(list(told), streams).score
    return Written(float(bleu), float(chrf), exact, len(told))


def chrf(told: str, right: str) -> float:
    """Return the chrF of one sentence, 0 to 100."""
    from sacrebleu.metrics.chrf import CHRF

    return float(CHRF().sentence_score(told, [right]).score)


def by_length(
    lengths: NDArray[np.integer],
    chrf_of: NDArray[np.floating],
    exact: NDArray[np.floating],
    groups: int = 10,
) -> list[tuple[int, int, int, float, float]]:
    """Return the measures of sentences whose sources are about equally long.

    Args:
        lengths: (N,) of the sources.
        chrf_of: (N,) chrF of each sentence.
        exact: (N,) 1 where it is exactly right.
        groups: Most groups; up to so many lengths stand alone.

    Returns:
        Shortest and longest source, number of sentences, mean chrF, share of exact ones.
    """
    known = np.unique(lengths)
    parts = np.array_split(known, min(groups, len(known))) if len(known) else []
    found = []
    for part in parts:
        own = (lengths >= part[0]) & (lengths <= part[-1])
        means = float(chrf_of[own].mean()), float(exact[own].mean())
        found.append((int(part[0]), int(part[-1]), int(own.sum()), *means))
    return found


def _streams(right: Sequence[Sequence[str]]) -> list[list[Any]]:
    """Return the first right sentences, the second ones, ...; None where there are fewer."""
    most = max(map(len, right))
    return [[each[k] if k < len(each) else None for each in right] for k in range(most)]


def cider(told: Sequence[str], right: Sequence[Sequence[str]]) -> float:
    """Return the mean CIDEr of captions, 0 to 10.

    Cosine of tf-idf weighted n-gram counts, n = 1 to 4, averaged over n and over the right
    captions; document frequencies come from `right`. No stemming, no length penalty.

    Source:
        Vedantam, Zitnick and Parikh 2015, "CIDEr: consensus-based image description evaluation".
    """
    if not told:
        return float("nan")
    scores = [_cider_of(n, told, right) for n in range(1, _LONGEST_GRAM + 1)]
    return 10 * sum(scores) / len(scores)


def _cider_of(n: int, told: Sequence[str], right: Sequence[Sequence[str]]) -> float:
    documents = Counter(
        gram for each in right for gram in {gram for line in each for gram in _grams(line, n)}
    )
    total = 0.0
    for line, each in zip(told, right, strict=True):
        own = _weights(line, n, documents, len(right))
        others = [_weights(other, n, documents, len(right)) for other in each]
        total += sum(_cosine(own, other) for other in others) / len(others)
    return total / len(told)


def _grams(line: str, n: int) -> Counter[tuple[str, ...]]:
    words = line.lower().split()
    return Counter(tuple(words[at : at + n]) for at in range(len(words) - n + 1))


def _weights(
    line: str, n: int, documents: Counter[tuple[str, ...]], pictures: int
) -> dict[tuple[str, ...], float]:
    grams = _grams(line, n)
    total = max(grams.total(), 1)
    return {
        gram: count / total * math.log(max(pictures, 2) / max(documents[gram], 1))
        for gram, count in grams.items()
    }


def _cosine(a: dict[tuple[str, ...], float], b: dict[tuple[str, ...], float]) -> float:
    product = sum(weight * b.get(gram, 0.0) for gram, weight in a.items())
    norms = math.hypot(*a.values()) * math.hypot(*b.values())
    return product / norms if norms else 0.0
