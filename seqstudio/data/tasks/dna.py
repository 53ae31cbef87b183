"""DNA: the next base of a file, or of a process whose best possible loss is known; and islands.

The process: two kinds of stretches, each a Markov chain of bases. In CpG islands C is often
followed by G, elsewhere hardly ever.

Source:
    Durbin, Eddy, Krogh and Mitchison 1998, "Biological sequence analysis", section 3.1.

Shape legend: B = rows, T = bases, K = 2 kinds of stretches.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from seqstudio.core.errors import DataError
from seqstudio.data.corpora import resolve
from seqstudio.data.dataset import Dataset
from seqstudio.data.reading.fasta import BASES, UNKNOWN, read_fasta
from seqstudio.data.tasks.base import (
    Batch,
    KnownFloor,
    Task,
    check_length,
    equal_lengths,
    hash_of,
)
from seqstudio.data.vocabulary import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from seqstudio.document.settings import DataSettings

CLASSES = ("sea", "island")
LEAST = 1_000
GENERATED = 200_000
_GROUPS = 100
SWITCH = (1 / 120, 1 / 60)
"""Chance to leave the sea and an island at a base."""
_SEA = ((0.300, 0.205, 0.285, 0.210), (0.322, 0.298, 0.078, 0.302),
        (0.248, 0.246, 0.298, 0.208), (0.177, 0.239, 0.292, 0.292))  # fmt: skip
_ISLAND = ((0.180, 0.274, 0.426, 0.120), (0.171, 0.368, 0.274, 0.187),
           (0.161, 0.339, 0.375, 0.125), (0.079, 0.355, 0.384, 0.182))  # fmt: skip
FOLLOWS = np.array([_SEA, _ISLAND])
FOLLOWS /= FOLLOWS.sum(-1, keepdims=True)
"""(K, 4, 4) chance of a base after another one."""
STAYS = np.array([[1 - SWITCH[0], SWITCH[0]], [SWITCH[1], 1 - SWITCH[1]]])
AT_FIRST = np.array([SWITCH[1], SWITCH[0]]) / sum(SWITCH)


def draw_bases(
    rng: np.random.Generator, rows: int, length: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return bases (B, T), numbers of letters of "ACGT", and the kind of each stretch (B, T)."""
    bases = np.empty((rows, length), np.int64)
    kinds = np.empty((rows, length), np.int64)
    bases[:, 0] = rng.integers(0, 4, rows)
    kinds[:, 0] = rng.random(rows) < AT_FIRST[1]
    sums = FOLLOWS.cumsum(-1)
    chance = rng.random((2, length, rows))
    for t in range(1, length):
        leaves = chance[0, t] < np.array(SWITCH)[kinds[:, t - 1]]
        kinds[:, t] = kinds[:, t - 1] ^ leaves
        row = sums[kinds[:, t], bases[:, t - 1]]
        bases[:, t] = np.minimum((chance[1, t][:, None] > row).sum(-1), 3)
    return bases, kinds


def filtered(bases: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Follow the process forward.

    Args:
        bases: (B, T).

    Returns:
        (B, T, K) the chance of each kind given the bases up to there, and (B, T) the chance of
        each base given those before it, 1/4 for the first.
    """
    rows, length = bases.shape
    belief = np.empty((rows, length, 2))
    chance = np.full((rows, length), 0.25)
    belief[:, 0] = AT_FIRST
    for t in range(1, length):
        moved = belief[:, t - 1] @ STAYS
        joint = moved * FOLLOWS[:, bases[:, t - 1], bases[:, t]].T
        chance[:, t] = joint.sum(-1)
        belief[:, t] = joint / chance[:, t, None]
    return belief, chance


def posterior(bases: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the chance (B, T, K) of each kind given all bases (B, T): forward and backward."""
    belief, _ = filtered(bases)
    after = np.ones((len(bases), 2))
    out = belief.copy()
    for t in range(bases.shape[1] - 2, -1, -1):
        told = FOLLOWS[:, bases[:, t], bases[:, t + 1]].T * after
        after = told @ STAYS.T
        after /= after.sum(-1, keepdims=True)
        out[:, t] *= after
    out /= out.sum(-1, keepdims=True)
    return out


@dataclass(frozen=True)
class IslandsTask(Task):
    """Say for every base whether it lies in a CpG island.

    Inputs (B, T): numbers of the letters A, C, G, T. Targets (B, T): 0 sea, 1 island.
    """

    length: int

    def __post_init__(self) -> None:
        check_length("islands", self.length, least=4)

    @override
    def draw(self, rng: np.random.Generator, rows: int) -> Batch:
        bases, kinds = draw_bases(rng, rows, self.length)
        return Batch(bases, kinds, equal_lengths(rows, self.length))

    @override
    def line(self, batch: Batch, row: int) -> str:
        bases = "".join(BASES[base] for base in batch.inputs[row])
        kinds = "".join("·I"[kind] for kind in batch.targets[row])
        return f"{bases} → {kinds}"

    @override
    def floor(self, examples: Iterable[Batch]) -> tuple[str, float]:
        asked = np.concatenate([batch.targets.ravel() for batch in examples])
        return "how common islands are", float(-np.log(AT_FIRST)[asked].mean())

    @override
    def known_floors(self, examples: Iterable[Batch]) -> tuple[KnownFloor, ...]:
        right = [posterior(b.inputs).argmax(-1) == b.targets for b in examples]
        best = float(np.concatenate(right).mean())
        return (KnownFloor("accuracy", "knowing the process, the best there is", best),)


def is_dna(dataset: Dataset) -> bool:
    """Return whether the symbols of a dataset are bases."""
    symbols = set(dataset.vocabulary.symbols) if dataset.vocabulary else set()
    return set(BASES) <= symbols <= {*BASES, UNKNOWN, "\n"}


def open_islands(settings: DataSettings, base: Path | None) -> Dataset:
    """Open bases with islands in them."""
    del base
    task = IslandsTask(settings.length)
    trial = task.draw(np.random.default_rng(0x7EA1_0006), 200)
    known = posterior(trial.inputs)
    right = float((known.argmax(-1) == trial.targets).mean())
    loss = float(-np.log(np.take_along_axis(known, trial.targets[..., None], -1)).mean())
    return Dataset(
        title=f"CpG islands in {settings.length} bases",
        origin="Drawn while training by a hidden Markov model with the tables of Durbin et al.",
        pattern="class per step",
        input="ids",
        vocabulary=Vocabulary(tuple(BASES)),
        classes=CLASSES,
        unit="nats per base",
        token_name="base",
        chance=math.log(2),
        content_hash=hash_of(f"islands {settings.length}"),
        notes=(
            f"Who knows the process and reads both ways is right at {right:.1%} of the bases and "
            f"loses {loss:.3f} nats: no model can do better",
        ),
        task=task,
    )


def open_dna(settings: DataSettings, base: Path | None) -> Dataset:
    """Open a FASTA file, or without a path bases that are drawn by a known process.

    Raises:
        DataError: The file is no good or too short.
    """
    if not settings.path:
        return _generated(settings)
    path = resolve(settings.path, base)
    found = read_fasta(path)
    text = "\n".join(found.records)
    if len(text) < LEAST:
        raise DataError(
            f"{path.name} is too short to learn from",
            f"it has {len(text):,} bases, at least {LEAST:,} are needed",
        )
    count = len(found.records)
    notes = (f"{count:,} record{'s' if count > 1 else ''}, {len(text):,} bases", *found.notes)
    return _dataset(path.name, f"Your file {path}.", text, settings, notes)


def _generated(settings: DataSettings) -> Dataset:
    bases, _ = draw_bases(np.random.default_rng(1998), _GROUPS, GENERATED // _GROUPS)
    text = np.array(list(BASES))[bases.ravel()]
    held = bases[-max(1, round(_GROUPS * settings.held_out)) :]
    _, chance = filtered(held)
    best = float(-np.log(chance[:, 1:]).mean())
    return _dataset(
        "CpG islands",
        "Drawn by a hidden Markov model with the tables of Durbin et al. 1998.",
        "".join(text.tolist()),
        settings,
        (f"The process itself costs {best:.4f} nats per base: no model can do better",),
    )


def _dataset(
    title: str, origin: str, text: str, settings: DataSettings, notes: tuple[str, ...]
) -> Dataset:
    vocabulary = Vocabulary.of(text)
    ids = vocabulary.encode(text)
    cut = int(len(ids) * (1 - settings.held_out))
    return Dataset(
        title=title,
        origin=origin,
        pattern="next token",
        input="ids",
        vocabulary=vocabulary,
        unit="nats per base",
        token_name="base",
        chance=math.log(len(vocabulary)),
        content_hash=hash_of(f"dna {''.join(vocabulary.symbols)}", ids[:cut], ids[cut:]),
        train=ids[:cut],
        valid=ids[cut:],
        notes=notes,
    )
