"""Writing from a source: a sequence is read, another one written, each choice fed back.

Shape legend: B rows, T steps of what is written, V symbols.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from seqstudio.core.errors import RunError
from seqstudio.data.dataset import Dataset
from seqstudio.engine.batches import held_out
from seqstudio.engine.beam_search import write_best
from seqstudio.engine.evaluation import measuring
from seqstudio.engine.inputs import Inputs, as_inputs
from seqstudio.engine.model import GraphModel
from seqstudio.records.messages import Write
from seqstudio.records.readings import Sample, freeze

EXAMPLES = 8


def write_greedily(model: GraphModel, given: Inputs, begin: int, end: int, limit: int) -> Tensor:
    """Write a sequence for every row of a source, always the likeliest symbol next.

    Dropout has to be off, see `measuring`. Where the model can go on one step at a time it keeps
    its state; else what is written so far is read again for every symbol.

    Args:
        model: Any that predicts the next token and reads a source.
        given: The source and its lengths, B rows; the main stream is not looked at.
        begin: Symbol that comes first; it is not part of the result.
        end: Symbol after which a row is complete.
        limit: Most symbols of a row.

    Returns:
        Symbols (B, T), T at most `limit`; what stands behind `end` in a row means nothing.
    """
    written = torch.full((len(given), 1), begin, dtype=torch.int64, device=given.main.device)
    done = torch.zeros(len(given), dtype=torch.bool, device=written.device)
    state = model.writing_state()
    for _ in range(limit):
        if not model.stepwise:
            state = model.writing_state()
        read = written[:, -1:] if model.stepwise else written
        outputs, state = model(replace(given, main=read, lengths=None), state)
        chosen = outputs[:, -1].argmax(-1)
        written = torch.cat([written, chosen[:, None]], 1)
        done |= chosen == end
        if bool(done.all()):
            break
    return written[:, 1:]


def exactly_right(written: Tensor, targets: Tensor, end: int) -> Tensor:
    """Return which rows (B,) are the wanted ones, up to and with the sign to end.

    Args:
        written: Symbols (B, T).
        targets: Wanted symbols with their `end` (B, T'), anything behind it.
        end: Symbol that ends a row.
    """
    width = max(written.shape[1], targets.shape[1])
    first, second = (_up_to(end, rows, width) for rows in (written, targets))
    return (first == second).all(1)


def _up_to(end: int, rows: Tensor, width: int) -> Tensor:
    """Return rows (B, width) in which everything behind the first `end` is `end`."""
    wide = F.pad(rows, (0, width - rows.shape[1]), value=-1)
    return torch.where((wide == end).cumsum(1) > 0, end, wide)


def written_lines(model: GraphModel, dataset: Dataset, count: int = EXAMPLES) -> Iterator[str]:
    """Yield held-out examples in words, with what the model writes for them.

    Raises:
        RunError: Nothing is written from a source with these data.
    """
    assert dataset.vocabulary is not None
    task = dataset.held_out_task or dataset.task
    assert task is not None
    end = _signs(dataset)[1]
    batch = dataset.fixed_batches(256, 1)[0]
    _given, written, targets = next(_written(model, dataset, 1, count))
    right = exactly_right(written, targets, end).tolist()
    for row in range(len(written)):
        symbols = written[row].cpu().numpy()
        text = dataset.vocabulary.decode(symbols[: _first(end, symbols)])
        others = task.right_answers(batch, row)
        good = text in others if others else right[row]
        yield f"{task.line(batch, row)}   {'right' if good else f'wrong: {text}'}"


def source_lines(prompt: str) -> list[str]:
    """Return the sources in a prompt: one a line, empty lines left out."""
    return [line for line in prompt.splitlines() if line.strip()]


def written_for(model: GraphModel, dataset: Dataset, text: str, beams: int = 1) -> str:
    """Return what the model writes for a source of symbols.

    Args:
        model: Any that predicts the next token and reads a source.
        dataset: What it learns from.
        text: The source.
        beams: See `beam_search.beams`; 1 is the greedy choice.

    Raises:
        RunError: Nothing is written from such a source with these data.
        DataError: The text has symbols that the source does not know.
    """
    begin, end = _signs(dataset)
    assert dataset.vocabulary is not None
    assert dataset.source_vocabulary is not None
    ids = dataset.source_vocabulary.encode(text).astype(np.int64)[None]
    source = torch.from_numpy(ids).to(next(model.parameters()).device)
    with measuring(model):
        given = Inputs(source, source)
        found = (
            write_greedily(model, given, begin, end, model.facts.window)
            if beams == 1
            else write_best(model, given, (begin, end), model.facts.window, beams)
        )
        (written,) = found.cpu().numpy()
    return dataset.vocabulary.decode(written[: _first(end, written)])


def _first(end: int, row: np.ndarray[Any, Any]) -> int:
    """Return the place of the first `end` in a row, its length where there is none."""
    places = np.flatnonzero(row == end)
    return int(places[0]) if len(places) else len(row)


def written_sample(model: GraphModel, dataset: Dataset, request: Write, step: int) -> Sample:
    """Return what the model writes, as a record.

    Every line of the prompt is read as a source where that is symbols; without one, held-out
    examples are written. Temperature and seed play no part.

    Raises:
        RunError: Nothing is written from a source with these data.
        DataError: The prompt has symbols that the source does not know.
    """
    if request.prompt and dataset.source_vocabulary is not None:
        lines = source_lines(request.prompt)
        text = "\n".join(written_for(model, dataset, line, request.beams) for line in lines)
    else:
        text = "\n".join(written_lines(model, dataset))
    nothing = freeze(np.empty(0, np.float32))
    return Sample(request.request, step, "", text, nothing, (), 0.0, request.seed, done=True)


def _signs(dataset: Dataset) -> tuple[int, int]:
    if dataset.writes is None:
        raise RunError(
            f"Nothing is written from a source with {dataset.title}",
            "",
            "Choose data with a source, such as words to be written backwards",
        )
    return dataset.writes


def _written(
    model: GraphModel, dataset: Dataset, batches: int, rows: int | None = None
) -> Iterator[tuple[Inputs, Tensor, Tensor]]:
    """Yield source, written symbols and targets of held-out batches, the first rows of each."""
    begin, end = _signs(dataset)
    device = next(model.parameters()).device
    found = held_out(dataset, model.facts.window, device)
    for _, window in zip(range(batches), found, strict=False):
        given = as_inputs(window.inputs).rows(slice(rows))
        targets = window.targets[:rows]
        with measuring(model):
            yield given, write_greedily(model, given, begin, end, targets.shape[1]), targets
