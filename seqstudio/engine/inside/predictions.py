"""What a model predicts at every step, and what the likeliest continuations are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from seqstudio.core.errors import RunError
from seqstudio.data.dataset import Dataset
from seqstudio.engine.batches import held_out
from seqstudio.engine.inputs import as_inputs
from seqstudio.engine.inside.beam import beam_tree
from seqstudio.engine.inside.embedding import key_name
from seqstudio.engine.inside.lens import LensPoints
from seqstudio.engine.inside.reading import Piece, read
from seqstudio.engine.inside.subject import Answer, Excerpt, Subject
from seqstudio.engine.losses import LOG_SPREADS
from seqstudio.records.inside.predictions import (
    Answers,
    BeamOf,
    Lens,
    Outlook,
    Predictions,
    PredictionsOf,
)
from seqstudio.records.readings import freeze

MOST_NUMBERS = 4_000_000
LOWEST_KEY = 21
LONGEST_WORDS = 400


def predictions(
    subject: Subject, wish: PredictionsOf
) -> Iterator[Predictions | Answers | Outlook | None]:
    """Answer `PredictionsOf` by what the head gives.

    Raises:
        DataError: The model knows no character of the text.
    """
    pattern = subject.model.pattern
    if pattern in {"class", "value"}:
        yield _answers(subject, wish)
    elif pattern in {"forecast", "notes"}:
        yield from _outlook(subject, wish)
    else:
        yield from _by_step(subject, wish)


# ----------------------------------------------------------------- a distribution a step


@dataclass
class _Measured:
    """What is collected piece by piece; every list holds one array a piece."""

    logits: list[Tensor] = field(default_factory=list)
    best: list[Tensor] = field(default_factory=list)
    p: list[Tensor] = field(default_factory=list)
    true_p: list[Tensor] = field(default_factory=list)
    entropy: list[Tensor] = field(default_factory=list)

    def add(self, logits: Tensor, true: Tensor, guesses: int) -> None:
        """Take in logits (n, V) and the true tokens (n,), -1 where none is asked."""
        p = logits.double().softmax(-1)
        best = p.topk(min(guesses, p.shape[-1]))
        self.logits.append(logits.float())
        self.best.append(best.indices)
        self.p.append(best.values)
        found = p.gather(1, true.clamp(min=0)[:, None])[:, 0]
        self.true_p.append(torch.where(true >= 0, found, torch.nan))
        self.entropy.append(-torch.xlogy(p, p).sum(-1) / np.log(2.0))


def _by_step(subject: Subject, wish: PredictionsOf) -> Iterator[Predictions | None]:
    dataset, model = subject.dataset, subject.model
    symbols = symbols_of(dataset, model.pattern)
    excerpt = subject.excerpt(min(wish.steps, MOST_NUMBERS // max(1, len(symbols))))
    true = excerpt.targets[0, : excerpt.inputs.main.shape[1]].clone()
    true[true < 0] = -1
    points, measured, layers = LensPoints(model), _Measured(), dict[str, _Measured]()
    left: list[str] = []
    with points.watching():
        for piece in read(model, excerpt.inputs, whole=dataset.generated):
            here = true[piece.start : piece.stop]
            measured.add(piece.outputs[0, piece.skip :], here, wish.guesses)
            left = _through_lens(points, piece, here, wish.guesses, layers)
            yield None
    lens, why = _lens(layers, measured, tuple(left))
    yield _reading(subject, excerpt, symbols, true, measured, lens, why)


def symbols_of(dataset: Dataset, pattern: str) -> tuple[str, ...]:
    """Return what a head that gives a distribution a step predicts."""
    if pattern == "next token" and dataset.vocabulary is not None:
        return dataset.vocabulary.symbols
    return dataset.classes


def _through_lens(
    points: LensPoints, piece: Piece, true: Tensor, guesses: int, layers: dict[str, _Measured]
) -> list[str]:
    """Measure what the end makes of every earlier layer; return words about others."""
    found, left = points.layers(piece.values)
    for name, value in found:
        logits = points.logits(value[:, piece.skip :])
        layers.setdefault(name, _Measured()).add(logits[0], true, guesses)
    return left


def _lens(
    layers: dict[str, _Measured], output: _Measured, left: tuple[str, ...]
) -> tuple[Lens | None, str]:
    if len(layers) < 2:
        why = "; ".join(left) or "the model has one layer before its head"
        return None, f"No earlier layer can be read: {why}"
    kept = list(layers.values())
    lens = Lens(
        tuple(layers),
        freeze(torch.stack([torch.cat(each.best) for each in kept]).numpy()),
        freeze(torch.stack([torch.cat(each.p).float() for each in kept]).numpy()),
        freeze(torch.stack([torch.cat(each.true_p).float() for each in kept]).numpy()),
        left,
    )
    return lens, ""


def _reading(
    subject: Subject, excerpt: Excerpt, symbols: tuple[str, ...], true: Tensor,
    measured: _Measured, lens: Lens | None, why: str,
) -> Predictions:  # fmt: skip
    return Predictions(
        tokens=excerpt.tokens[: len(true)],
        symbols=symbols,
        source=_source_words(subject, excerpt),
        follows=subject.model.pattern == "next token",
        true=freeze(true.numpy()),
        logits=freeze(torch.cat(measured.logits).numpy()),
        best=freeze(torch.cat(measured.best).numpy()),
        p=freeze(torch.cat(measured.p).numpy()),
        true_p=freeze(torch.cat(measured.true_p).numpy()),
        entropy=freeze(torch.cat(measured.entropy).numpy()),
        skipped=excerpt.skipped,
        cut=excerpt.cut,
        lens=lens,
        no_lens=why,
    )


def _source_words(subject: Subject, excerpt: Excerpt) -> tuple[str, ...]:
    source, vocabulary = excerpt.inputs.source, subject.dataset.source_vocabulary
    if source is None:
        return ()
    if vocabulary is None:
        return ("a picture",)
    return tuple(vocabulary.symbols[int(i)] for i in source[0])


# ------------------------------------------------------------------------ other answers


def _answers(subject: Subject, wish: PredictionsOf) -> Answers:
    """Answer held-out sequences: class probabilities or values."""
    model, dataset = subject.model, subject.dataset
    batch = next(held_out(dataset, 2, torch.device("cpu"), 1))
    given = as_inputs(batch.inputs).rows(slice(0, wish.examples))
    outputs = model(given)[0].double()
    classes = dataset.classes if model.pattern == "class" else ()
    return Answers(
        _in_words(dataset, len(given)),
        classes,
        freeze((outputs.softmax(-1) if classes else outputs).numpy()),
        freeze(batch.targets[: wish.examples].double().flatten().numpy()),
    )


def _in_words(dataset: Dataset, count: int) -> tuple[str, ...]:
    """Return the first held-out examples as their task writes them, without what is asked."""
    task = dataset.held_out_task or dataset.task
    assert task is not None  # a text has no class and no value
    batch = next(iter(dataset.held_out(256, 1)))
    return tuple(task.line(batch, row)[:LONGEST_WORDS] for row in range(count))


def _outlook(subject: Subject, wish: PredictionsOf) -> Iterator[Outlook | None]:
    model, excerpt = subject.model, subject.excerpt(wish.steps)
    notes = model.pattern == "notes"
    outputs = list[Tensor]()
    for piece in read(model, excerpt.inputs, whole=subject.dataset.generated):
        outputs.append(piece.outputs[0, piece.skip :].double())
        yield None
    found = torch.cat(outputs)
    truth = excerpt.targets[0, : len(found)].double()
    if notes:
        expected, spread = found.sigmoid(), torch.full_like(found, torch.nan)
        names = tuple(key_name(LOWEST_KEY + i) for i in range(found.shape[-1]))
    else:
        expected, spread = found.chunk(2, -1)
        spread = spread.clamp(*LOG_SPREADS).exp()
        names = tuple(f"number {i + 1}" for i in range(expected.shape[-1]))
    parts = (freeze(part.numpy()) for part in (expected, spread, truth))
    yield Outlook(notes, names, *parts)


# ---------------------------------------------------------------------------- beam tree


def beam(subject: Subject, wish: BeamOf) -> Iterator[object]:
    """Answer `BeamOf`; the tree grows while it is searched.

    Raises:
        RunError: The model does not predict tokens.
    """
    model, dataset = subject.model, subject.dataset
    if model.pattern != "next token" or dataset.vocabulary is None:
        raise RunError(
            "This model does not write on",
            f"its head gives another answer: {model.pattern}",
            "A Next-token head has continuations",
        )
    symbols = dataset.vocabulary.symbols
    excerpt = subject.excerpt(min(wish.steps, MOST_NUMBERS // max(1, len(symbols))))
    ending = dataset.writes[1] if dataset.writes else -1
    yield from beam_tree(model, excerpt, symbols, wish, ending, whole=dataset.generated)


ANSWERS: dict[type, Answer] = {PredictionsOf: predictions, BeamOf: beam}
