"""Texts of up to 10,000 tokens, and how a model reads them: streamed, in windows, in examples.

Shape legend: B rows, T time steps, N units.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from seqstudio.core.errors import DataError, RunError
from seqstudio.data.dataset import Dataset
from seqstudio.data.tasks.base import Batch
from seqstudio.data.tasks.notes import LOWEST
from seqstudio.engine.batches import window_of
from seqstudio.engine.inputs import Inputs, as_inputs
from seqstudio.engine.inside.subject import Subject
from seqstudio.music.keys import pitch_name

LONGEST = 10_000
CHUNK = 64
"""Tokens that are read in one slice."""
ROWS = 8
"""Windows or examples that are read side by side."""
EARLIER = 20_000
_SAFE = re.compile(r"^(?:def|class|import) \w", re.MULTILINE)


@dataclass(frozen=True)
class Sheet:
    """A text to read, or examples one after the other.

    Attributes:
        tokens: (T,) what a person sees.
        rows: First token of every example, (0,) for a running text.
        ids: (T,) numbers of a running text, None for examples.
        batches: Examples with padding, empty for a running text.
        before: Text that stands before it, so that it is known what is open at its start.
        skipped: Characters that the model does not know and that were left out.
        cut: Tokens that were left off at the end.
    """

    tokens: tuple[str, ...]
    rows: tuple[int, ...] = (0,)
    ids: Tensor | None = None
    batches: tuple[Inputs, ...] = ()
    before: str = ""
    skipped: tuple[str, ...] = ()
    cut: int = 0


@dataclass(frozen=True)
class Piece:
    """A part of a sheet that the model reads at once.

    Attributes:
        inputs: What it reads.
        goes_on: Whether the state of the piece before is carried on.
        keep: (row, first step, last step + 1, first token) of what counts.
    """

    inputs: Inputs
    goes_on: bool
    keep: tuple[tuple[int, int, int, int], ...]


def sheet_of(subject: Subject, steps: int) -> Sheet:
    """Return the typed text, the start of the held-out part, or held-out examples.

    Raises:
        DataError: The model knows no character of the text.
        RunError: The model reads pictures.
    """
    most, dataset = max(1, min(steps, LONGEST)), subject.dataset
    if dataset.input == "picture":
        raise RunError(
            "This model has no units over time",
            "it reads a picture at once, not one step after the other",
            "Open a model that reads a sequence, such as the template Character LSTM",
        )
    if subject.text and dataset.vocabulary is not None and not dataset.source:
        return _typed(subject, most)
    if dataset.generated:
        return _examples(subject, most)
    assert dataset.vocabulary is not None
    ids = torch.from_numpy(dataset.valid[:most].astype(np.int64))
    before = "" if subject.project.data.kind == "abc" else _before(dataset)
    return Sheet(subject.words(ids, len(ids)), ids=ids, before=before)


def _before(dataset: Dataset) -> str:
    """Return the end of the training text, from a place where surely nothing is open."""
    assert dataset.vocabulary is not None
    tail = dataset.vocabulary.decode(dataset.train[-EARLIER:])
    safe = [match.start() for match in _SAFE.finditer(tail)]
    if safe:
        return tail[safe[-1] :]
    return tail[tail.rfind("\n\n") + 1 :] if "\n\n" in tail else ""


def _typed(subject: Subject, most: int) -> Sheet:
    vocabulary = subject.dataset.vocabulary
    assert vocabulary is not None
    ids = vocabulary.encode(subject.text, skip_unknown=True).astype(np.int64)
    skipped = vocabulary.unknown(subject.text)
    if not len(ids):
        raise DataError(
            "The model knows no character of this text",
            f"it was trained without {', '.join(map(repr, skipped[:8]))}",
            "Type a text of characters that the data have",
        )
    read = torch.from_numpy(ids[:most])
    cut = max(0, len(ids) - most)
    return Sheet(subject.words(read, len(read)), ids=read, skipped=skipped, cut=cut)


def _examples(subject: Subject, most: int) -> Sheet:
    tokens: list[str] = []
    rows: list[int] = []
    batches: list[Inputs] = []
    for batch in subject.dataset.held_out(ROWS, -(-most // ROWS)):
        inputs = as_inputs(window_of(subject.dataset, batch, torch.device("cpu")).inputs)
        words = _words(subject, inputs, batch)
        count = 0
        for row in words:
            if tokens and len(tokens) + len(row) > most:
                break
            rows.append(len(tokens))
            tokens += row[:most]
            count += 1
        if count:
            batches.append(inputs.rows(slice(0, count)))
        if count < len(words):
            break
    return Sheet(tuple(tokens), tuple(rows), batches=tuple(batches))


def _words(subject: Subject, inputs: Inputs, batch: Batch) -> list[tuple[str, ...]]:
    lengths = [int(length) for length in batch.lengths]
    spaced = subject.dataset.vocabulary is None
    spell = _keys if subject.project.data.kind == "frames" else subject.words
    rows = [spell(row[:length], length) for row, length in zip(inputs.main, lengths, strict=True)]
    return [tuple(f"{word} " for word in row) for row in rows] if spaced else rows


def _keys(frames: Tensor, steps: int) -> tuple[str, ...]:
    """Return the names of the keys that are down at each step of piano frames (T, 88)."""
    down = [(frame > 0.5).nonzero()[:, 0].tolist() for frame in frames[:steps]]
    return tuple("+".join(_key(LOWEST + key) for key in keys) or "–" for keys in down)


def _key(pitch: int) -> str:
    return f"{pitch_name(pitch)}{pitch // 12 - 1}"


# ------------------------------------------------------------------------------- reading


def pieces(sheet: Sheet, streams: bool, window: int) -> Iterator[Piece]:
    """Yield what the model reads, one after the other.

    Args:
        sheet: The text.
        streams: Whether the state is carried on: pieces of `CHUNK` tokens then follow each other.
        window: Else the tokens of a window; windows overlap by half, and of each but the first
            the second half counts, so that every token has at least half a window before it.
    """
    if sheet.ids is None:
        yield from _example_pieces(sheet)
    elif streams:
        for start in range(0, len(sheet.ids), CHUNK):
            part = sheet.ids[start : start + CHUNK]
            yield Piece(Inputs(part[None]), start > 0, ((0, 0, len(part), start),))
    else:
        yield from _window_pieces(sheet.ids, window)


def _example_pieces(sheet: Sheet) -> Iterator[Piece]:
    first = 0
    ends = [*sheet.rows[1:], len(sheet.tokens)]
    for inputs in sheet.batches:
        keep = []
        for row in range(len(inputs)):
            start = sheet.rows[first + row]
            keep.append((row, 0, ends[first + row] - start, start))
        first += len(inputs)
        yield Piece(inputs, goes_on=False, keep=tuple(keep))


def _window_pieces(ids: Tensor, window: int) -> Iterator[Piece]:
    step = max(1, window // 2)
    starts = list(range(0, max(1, len(ids) - window + step), step))
    starts = [start for start in starts if start + window <= len(ids)]
    if not starts:
        yield Piece(Inputs(ids[None]), goes_on=False, keep=((0, 0, len(ids), 0),))
        return
    for at in range(0, len(starts), ROWS):
        chosen = starts[at : at + ROWS]
        block = torch.stack([ids[start : start + window] for start in chosen])
        skip = [window - step if start else 0 for start in chosen]
        keep = [(row, skip[row], window, start + skip[row]) for row, start in enumerate(chosen)]
        yield Piece(Inputs(block), goes_on=False, keep=tuple(keep))
    done = starts[-1] + window
    if done < len(ids):  # what is left, with a whole window before its end
        start = len(ids) - window
        last = Inputs(ids[None, start:])
        yield Piece(last, goes_on=False, keep=((0, done - start, window, done),))
