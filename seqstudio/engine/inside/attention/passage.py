"""What is read: a typed text, a held-out example, or what the model writes by itself.

Shape legend: T steps of the main stream, S steps of the source.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from seqstudio.core.errors import DataError
from seqstudio.engine.batches import held_out, window_of
from seqstudio.engine.decoding import write_greedily
from seqstudio.engine.inputs import Inputs, as_inputs
from seqstudio.engine.inside.subject import Subject
from seqstudio.engine.layers import Positions
from seqstudio.engine.losses import asked, mean_loss
from seqstudio.records.inside.attention import AttentionExample, AttentionRead, Weights
from seqstudio.records.readings import Floats, freeze

CPU = torch.device("cpu")
DRAWN = 256
HELD_ROWS, HELD_STEPS = 128, 2048


@dataclass(frozen=True)
class Passage:
    """One row for the model, and what a person sees of it.

    Attributes:
        inputs: Without padding.
        targets: As the losses take them, None where nobody knows them.
        tokens: (T,) words of the main stream.
        source: (S,) words of the source.
        examples: How many there are to choose from.
        wanted: The true words where the model wrote others.
        written: The model wrote the main stream.
        skipped: Characters that it does not know.
        cut: Steps that were left off.
    """

    inputs: Inputs
    targets: Tensor | None
    tokens: tuple[str, ...]
    source: tuple[str, ...] = ()
    examples: int = 1
    wanted: str = ""
    written: bool = False
    skipped: tuple[str, ...] = ()
    cut: int = 0


def passage_of(subject: Subject, example: AttentionExample) -> Passage:
    """Return what an example means to a model.

    Raises:
        DataError: The model knows no character of the typed text.
    """
    dataset = subject.dataset
    steps = min(example.steps, _longest(subject))
    if subject.text and dataset.source == "ids" and dataset.source_vocabulary is not None:
        return _written(subject, _typed_source(subject, steps), "", model_window(subject))
    if subject.text and not dataset.source and dataset.vocabulary is not None:
        found = subject.excerpt(steps)
        targets = found.targets if subject.model.pattern == "next token" else None
        more = {"skipped": found.skipped, "cut": found.cut}
        return Passage(found.inputs, targets, found.tokens, **more)  # type: ignore[arg-type]
    if not dataset.generated:
        return _from_text(subject, example, steps)
    return _drawn(subject, example, steps)


def _longest(subject: Subject) -> int:
    """Return how many steps the model can read: learned places end somewhere."""
    learned = [part.learned for part in subject.model.modules() if isinstance(part, Positions)]
    ends = [each.num_embeddings for each in learned if each is not None]
    return min(ends, default=10_000) if not subject.dataset.source else 10_000


def model_window(subject: Subject) -> int:
    """Return how long a written sequence may get."""
    return subject.model.facts.window


def _from_text(subject: Subject, example: AttentionExample, steps: int) -> Passage:
    valid = subject.dataset.valid
    steps = min(steps, len(valid) - 1)
    count = max(1, (len(valid) - 1) // steps)
    start = (example.number % count) * steps
    ids = torch.from_numpy(valid[start : start + steps + 1].astype(np.int64))[None]
    targets = ids[:, 1:] if subject.model.pattern == "next token" else None
    tokens = subject.words(ids[0, :-1], steps)
    return Passage(Inputs(ids[:, :-1]), targets, tokens, examples=count)


def _drawn(subject: Subject, example: AttentionExample, steps: int) -> Passage:
    dataset = subject.dataset
    window = window_of(dataset, dataset.fixed_batches(DRAWN, 1)[0], CPU)
    given, row = as_inputs(window.inputs), example.number % DRAWN
    rows = torch.tensor([row])
    inputs, targets = given.without_padding(rows), window.targets[rows]
    length = inputs.main.shape[1]
    every = subject.model.pattern not in {"class", "value"}
    if inputs.main.dim() < 4:
        if every:
            inputs = Inputs(inputs.main[:, :steps], inputs.source)
            targets = targets[:, : inputs.main.shape[1]]
        length = inputs.main.shape[1]
    if example.written and dataset.writes is not None:
        wanted = _decoded(subject, targets[0])
        limit = window.targets.shape[1]
        return _written(subject, (inputs, (), DRAWN), wanted, limit)
    words = subject.words(inputs.main[0], length) if inputs.main.dim() < 4 else ()
    source = _source_words(subject, inputs)
    return Passage(inputs, targets, words, source, DRAWN)


def _typed_source(subject: Subject, steps: int) -> tuple[Inputs, tuple[str, ...], int]:
    vocabulary = subject.dataset.source_vocabulary
    assert vocabulary is not None
    ids = vocabulary.encode(subject.text, skip_unknown=True).astype(np.int64)[:steps]
    skipped = vocabulary.unknown(subject.text)
    if not len(ids):
        raise DataError(
            "The model knows nothing of this text",
            f"its source has the symbols {' '.join(vocabulary.symbols[1:40])}",
            "Type some of them, or empty the field for a held-out example",
        )
    source = torch.from_numpy(ids)[None]
    return Inputs(source, source), skipped, 1


def _written(
    subject: Subject, given: tuple[Inputs, tuple[str, ...], int], wanted: str, limit: int
) -> Passage:
    """Let the model write; what it reads then is what it wrote."""
    inputs, skipped, examples = given
    assert subject.dataset.writes is not None
    begin, end = subject.dataset.writes
    (row,) = write_greedily(subject.model, inputs, begin, end, limit)
    ends = (row == end).nonzero()
    row = row[: int(ends[0]) + 1] if len(ends) else row
    main = torch.cat([torch.tensor([begin]), row[:-1]])[None]
    read = Inputs(main, inputs.source)
    tokens = subject.words(main[0], main.shape[1])
    source = _source_words(subject, read)
    return Passage(read, row[None], tokens, source, examples, wanted, True, skipped)


def _source_words(subject: Subject, inputs: Inputs) -> tuple[str, ...]:
    vocabulary = subject.dataset.source_vocabulary
    if inputs.source is None or vocabulary is None or inputs.source.dim() != 2:
        return ()
    return tuple(vocabulary.symbols[int(i)] for i in inputs.source[0])


def _decoded(subject: Subject, row: Tensor) -> str:
    vocabulary, writes = subject.dataset.vocabulary, subject.dataset.writes
    assert vocabulary is not None
    assert writes is not None
    ids = [int(i) for i in row if int(i) >= 0]
    kept = ids[: ids.index(writes[1])] if writes[1] in ids else ids
    return vocabulary.decode(np.array(kept, np.int64))


# What came of it


def told(subject: Subject, passage: Passage, outputs: Tensor | None) -> AttentionRead:
    """Return the record of a passage, with the losses of what the model gave for it."""
    losses, mean = losses_of(subject, passage, outputs)
    return AttentionRead(
        passage.tokens,
        passage.source,
        _picture(passage.inputs),
        _target_words(subject, passage),
        losses,
        mean,
        passage.written,
        passage.wanted,
        passage.skipped,
        passage.cut,
        passage.examples,
    )


def losses_of(subject: Subject, passage: Passage, outputs: Tensor | None) -> tuple[Floats, float]:
    """Return the loss of every prediction, NaN where none is asked, and their mean."""
    if passage.targets is None or outputs is None:
        return freeze(np.full(len(passage.tokens), np.nan)), float("nan")
    losses = subject.model.losses(outputs, passage.targets)
    known = asked(passage.targets)
    mean = float(mean_loss(losses.double(), passage.targets)) if known.any() else float("nan")
    each = torch.where(known, losses.double(), torch.nan).flatten()
    return freeze(each.numpy()), mean


def _picture(inputs: Inputs) -> Weights | None:
    for stream in (inputs.source, inputs.main):
        if stream is not None and stream.dim() == 4:
            return freeze(stream[0].numpy().astype(np.float32))
    return None


def _target_words(subject: Subject, passage: Passage) -> tuple[str, ...]:
    targets, dataset = passage.targets, subject.dataset
    if targets is None or targets.is_floating_point():
        return ()
    names: tuple[str, ...] = dataset.classes
    if not names and dataset.vocabulary is not None:
        names = dataset.vocabulary.symbols
    ids = targets.flatten().tolist()
    return tuple(names[i] if 0 <= i < len(names) else "" for i in ids)


def held_rows(subject: Subject) -> tuple[Inputs, Tensor]:
    """Return a held-out batch of about `HELD_STEPS` predictions: drawn examples, or windows."""
    window = min(subject.model.facts.window, _longest(subject))
    batch = next(held_out(subject.dataset, window, CPU, DRAWN * window))
    rows = min(HELD_ROWS, max(4, HELD_STEPS // max(1, batch.steps)))
    return as_inputs(batch.inputs).rows(slice(rows)), batch.targets[:rows]
