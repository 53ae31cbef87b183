"""Symbols typed by hand. Shape legend: T symbols, C classes, N units."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch

from seqstudio.core.errors import DataError, RunError
from seqstudio.data.tasks.oracles import Known, known_answers
from seqstudio.engine.inputs import Inputs
from seqstudio.engine.inside.subject import Answer, Subject
from seqstudio.engine.inside.units import unit_sites
from seqstudio.records.inside.trying.symbols import MOST_SYMBOLS, ReadSymbols, SymbolsRead
from seqstudio.records.readings import Floats, freeze


def read_symbols(subject: Subject, question: ReadSymbols) -> Iterator[SymbolsRead | None]:
    """Answer `ReadSymbols`: one pass, and the unit that follows what a program would keep.

    Raises:
        RunError: No program knows the right answers of these data.
        DataError: The model knows nothing of the text.
    """
    del question
    vocabulary = subject.dataset.vocabulary
    if vocabulary is None or known_answers(subject.dataset.task, ()) is None:
        raise RunError(
            "Symbols cannot be typed here",
            f"no program knows the right answers of {subject.dataset.title}",
            "Open brackets, counting, parity or copying",
        )
    ids = vocabulary.encode(subject.text, skip_unknown=True).astype(np.int64)
    if not len(ids):
        raise DataError("There is nothing to read", "no symbol of it is known", "Type one")
    kept = ids[:MOST_SYMBOLS]
    known = known_answers(subject.dataset.task, kept.tolist())
    assert known is not None
    p, unit, state, likeness = _read(subject, kept, known)
    yield SymbolsRead(
        tuple(vocabulary.symbols[number] for number in kept),
        subject.dataset.classes,
        p,
        freeze(np.array(known.answers, np.int64)),
        freeze(np.array(known.memory, np.int64)),
        known.noun,
        unit,
        state,
        likeness,
        known.problem,
        vocabulary.unknown(subject.text),
        len(ids) - len(kept),
    )


def _read(
    subject: Subject,
    ids: np.ndarray,
    known: Known,
) -> tuple[Floats, str, Floats, float]:
    """Return the probabilities, and name, values and likeness of the most telling unit."""
    lengths = torch.tensor([len(ids)])
    given = Inputs(
        torch.from_numpy(ids)[None], lengths=lengths if subject.dataset.padded else None
    )
    sites = unit_sites(subject.model)
    if not sites:
        outputs, _ = subject.model(given)
        return _shares(outputs), "", freeze(np.zeros(0)), math.nan
    site = sites[0]
    with site.tap.open(site.tap.states[0]):
        outputs, _ = subject.model(given)
    values = site.tap.taken(site.tap.states[0], given.lengths)[0].double().numpy()
    at, likeness = _most_like(values, np.array(known.memory, np.float64))
    name = f"{site.title}, {site.tap.states[0]} {at}"
    return _shares(outputs), name, freeze(np.ascontiguousarray(values[:, at])), likeness


def _shares(outputs: torch.Tensor) -> Floats:
    return freeze(outputs[0].double().softmax(-1).numpy())


def _most_like(values: Floats, wanted: Floats) -> tuple[int, float]:
    """Return the unit (T, N) that correlates best with (T,), either way, and how well."""
    x, y = values - values.mean(0), wanted - wanted.mean()
    size = np.sqrt((x**2).sum(0) * (y**2).sum())
    likeness = np.divide(x.T @ y, size, out=np.zeros(len(size)), where=size > 0)
    at = int(np.abs(likeness).argmax())
    return at, float(likeness[at]) if size[at] > 0 else math.nan


ANSWERS: dict[type, Answer] = {ReadSymbols: read_symbols}
