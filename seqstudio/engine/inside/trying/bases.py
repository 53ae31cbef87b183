"""What a model makes of bases. Shape legend: T bases."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from seqstudio.core.errors import DataError, RunError
from seqstudio.data.reading.fasta import BASES
from seqstudio.data.tasks.dna import filtered, is_dna, posterior
from seqstudio.engine.inputs import Inputs
from seqstudio.engine.inside.reading import read
from seqstudio.engine.inside.subject import Answer, Subject
from seqstudio.records.inside.trying.bases import MOST_BASES, BasesRead, ReadBases
from seqstudio.records.readings import freeze

_NOTHING = np.zeros(0)


def read_bases(subject: Subject, question: ReadBases) -> Iterator[BasesRead | None]:
    """Answer `ReadBases`.

    Raises:
        RunError: The model does not read DNA.
        DataError: What was typed holds no base.
    """
    dataset = subject.dataset
    if not is_dna(dataset):
        raise RunError(
            "This model does not read DNA",
            f"it learns from {dataset.title}",
            "Open a project such as DNA, base by base",
        )
    if dataset.pattern == "next token":
        yield from _next_bases(subject, question)
    else:
        yield from _islands(subject, question)


def _typed(letters: str) -> str:
    kept = "".join(letter for letter in letters.upper() if letter in BASES)[:MOST_BASES]
    if letters and not kept:
        raise DataError("There is no base in it", "", "Type the letters A, C, G and T")
    return kept


def _next_bases(subject: Subject, question: ReadBases) -> Iterator[BasesRead | None]:
    vocabulary = subject.dataset.vocabulary
    assert vocabulary is not None
    typed, held = _typed(question.letters), subject.dataset.valid
    count = min(MOST_BASES, len(held))
    start = question.example * count % max(1, len(held) - count + 1)
    ids = vocabulary.encode(typed) if typed else held[start : start + count]
    letters = vocabulary.decode(ids)
    columns = [vocabulary.symbols.index(base) for base in BASES]
    p = np.full((len(ids), 4), np.nan)
    given = Inputs(torch.from_numpy(ids.astype(np.int64))[None])
    for piece in read(subject.model, given, whole=False):
        told = piece.outputs[0, piece.skip :].double().softmax(-1).numpy()[:, columns]
        steps = np.arange(piece.start, piece.stop) + 1
        p[steps[steps < len(p)]] = told[steps < len(p)]
        yield None
    known = not subject.project.data.path and set(letters) <= set(BASES)
    best = filtered(_numbers(letters)[None])[1][0] if known else _NOTHING
    yield BasesRead(letters, freeze(p), freeze(best), freeze(np.zeros(0, np.int64)))


def _islands(subject: Subject, question: ReadBases) -> Iterator[BasesRead | None]:
    typed = _typed(question.letters)
    batch = subject.dataset.fixed_batches(64, 1)[0]
    row = question.example % len(batch.inputs)
    bases = _numbers(typed) if typed else batch.inputs[row]
    truth = np.zeros(0, np.int64) if typed else batch.targets[row]
    outputs, _ = subject.model(torch.from_numpy(np.array(bases, np.int64))[None])
    p = outputs[0].double().softmax(-1).numpy()[:, 1:]
    letters = "".join(BASES[base] for base in bases)
    yield BasesRead(
        letters, freeze(p), freeze(posterior(bases[None])[0, :, 1]), freeze(np.array(truth))
    )


def _numbers(letters: str) -> NDArray[np.int64]:
    return np.array([BASES.index(letter) for letter in letters], np.int64)


ANSWERS: dict[type, Answer] = {ReadBases: read_bases}
