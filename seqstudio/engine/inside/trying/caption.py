"""Sentences about pictures: by beam search, with where the model looked, and a gallery of them.

Shape legend: T words, P places, V vocabulary, N pictures.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  the name that torch's own documentation uses

from seqstudio.core.errors import RunError
from seqstudio.data.scoring.pictures import overlap, overlap_by_chance, places_of
from seqstudio.data.scoring.texts import cider
from seqstudio.data.tasks.base import BEGIN, END, NOT_ASKED
from seqstudio.data.tasks.captioned import CaptionedTask
from seqstudio.data.tasks.pictures import SHAPES, WORDS, CaptionsTask
from seqstudio.engine.decoding import write_greedily
from seqstudio.engine.inputs import Inputs
from seqstudio.engine.inside.attention.maps import grid_of
from seqstudio.engine.inside.attention.passage import Passage
from seqstudio.engine.inside.attention.tap import Place, tapped
from seqstudio.engine.inside.attention.tap import places_of as attention_places
from seqstudio.engine.inside.beam import beam_tree
from seqstudio.engine.inside.subject import Answer, Excerpt, Subject
from seqstudio.engine.inside.trying.picture import checked_picture
from seqstudio.engine.model import GraphModel
from seqstudio.records.inside.predictions import BeamOf, BeamTree
from seqstudio.records.inside.trying.caption import (
    CaptionGallery,
    CaptionGalleryOf,
    PictureLook,
    PictureTold,
    TellPicture,
)
from seqstudio.records.readings import freeze

OTHERS = 6
_SEED = 0x7EA1_0006  # none of these scenes was learnt from
_PORTION = 16
_NOUNS = {WORDS.symbols.index(shape) for shape in SHAPES}


def tell_picture(subject: Subject, question: TellPicture) -> Iterator[PictureTold | None]:
    """Answer `TellPicture`: the best of a beam search, read again to see where it looked.

    Raises:
        RunError: The model does not write about pictures.
        DataError: The picture is not as large as those of the data.
    """
    dataset = _checked(subject)
    picture = checked_picture(question.pixels, question.frame, dataset.picture)
    source = torch.from_numpy(picture[None]).to(next(subject.model.parameters()))
    tree: BeamTree | None = None
    for told in _search(subject, source, question.beams):
        tree = told or tree
        yield None
    assert tree is not None
    words = _best(tree)
    read = Inputs(torch.tensor([[BEGIN, *words[:-1]]]), source)
    logits, looks = _looked(subject.model, read)
    yield _told(tree, words, logits, looks)


def _checked(subject: Subject) -> Any:
    dataset = subject.dataset
    if dataset.source != "picture" or dataset.writes is None or dataset.vocabulary is None:
        raise RunError(
            "This model writes nothing about pictures",
            f"it learns from {dataset.title}",
            "Open a project that does, such as Looking while writing",
        )
    return dataset


def _search(subject: Subject, source: Tensor, beams: int) -> Iterator[BeamTree | None]:
    symbols = subject.dataset.vocabulary.symbols if subject.dataset.vocabulary else ()
    given = Inputs(torch.tensor([[BEGIN]]), source)
    start = Excerpt(given, torch.tensor([[NOT_ASKED]]), (symbols[BEGIN],))
    depth = max(2, subject.model.facts.window)
    wish = BeamOf(0, width=min(max(1, beams), 12), depth=depth)
    yield from beam_tree(subject.model, start, symbols, wish, END, whole=True)


def _best(tree: BeamTree) -> list[int]:
    """Return the words of the likeliest beam, with its end."""
    words, node = list[int](), tree.ends[0]
    while node >= 0:
        words.append(int(tree.token[node]))
        node = int(tree.parent[node])
    return words[::-1]


def _looked(
    model: GraphModel, read: Inputs, *, chosen: bool = True
) -> tuple[Tensor, tuple[PictureLook, ...]]:
    """Return the logits (T, V) of a sentence, and where each place of attention looked.

    Args:
        model: Writes about pictures.
        read: The picture and its sentence, one row.
        chosen: Of hard attention return the one chosen place; else what it chose by.
    """
    places = _places(model)
    with tapped(model, places) as tap:
        outputs, _ = model(read)
    passage = Passage(read, None, ())
    looks = []
    for place in places:
        if place.site.key not in tap.weights:
            continue
        weights, _seen = tap.whole(place.site.key)
        grid = grid_of(place.site, passage, weights.shape[2])
        if not grid[0] or weights.shape[1] != read.main.shape[1]:
            continue  # it looks from a place of the picture, not from a word
        hard = place.site.kind == "hard"
        mean = weights.float().mean(0)[:, -grid[0] * grid[1] :]
        if hard and chosen:
            mean = F.one_hot(mean.argmax(-1), mean.shape[1]).float()
        looks.append(PictureLook(place.site.name, hard, grid, freeze(mean.numpy())))
    return outputs[0], tuple(looks)


def _places(model: GraphModel) -> list[Place]:
    try:
        return attention_places(model)
    except RunError:  # a model without attention writes, too
        return []


def _told(
    tree: BeamTree, words: list[int], logits: Tensor, looks: tuple[PictureLook, ...]
) -> PictureTold:
    p = logits.double().softmax(-1)
    likeliest = p.topk(min(OTHERS, p.shape[1]), -1)
    return PictureTold(
        tuple(tree.symbols[word] for word in words),
        freeze(p[torch.arange(len(words)), torch.tensor(words)].numpy()),
        tuple(tuple(tree.symbols[word] for word in row) for row in likeliest.indices.tolist()),
        freeze(likeliest.values.numpy()),
        looks,
        tree,
    )


# A gallery


@dataclass
class _Shown:
    """What is known of the pictures so far."""

    pictures: list[NDArray[np.float32]] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    right: list[tuple[str, ...]] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    overlaps: list[float] = field(default_factory=list)
    chances: list[float] = field(default_factory=list)


def caption_gallery(
    subject: Subject, question: CaptionGalleryOf
) -> Iterator[CaptionGallery | None]:
    """Answer `CaptionGalleryOf`: readings come again and again, with more pictures each.

    Raises:
        RunError: The model does not write about pictures.
    """
    dataset = _checked(subject)
    shown = _Shown()
    for rows, batch, covers in _portions(dataset, question.most):
        _add(subject, shown, batch, rows)
        yield None
        if covers is not None and len(shown.overlaps) < 2 * question.most:
            for row in range(rows):
                _add_overlap(subject, shown, batch, covers, row)
                yield None
        yield _gallery(shown, question, done=len(shown.told) >= question.most)
    if shown.told and len(shown.told) < question.most:
        yield _gallery(shown, question, done=True)


def _portions(dataset: Any, most: int) -> Iterator[tuple[int, Any, NDArray[np.bool_] | None]]:
    """Yield held-out pictures, each once, as batches of a few, and where things are in them."""
    task = dataset.held_out_task or dataset.task
    if isinstance(task, CaptionsTask):
        rng = np.random.default_rng(_SEED)
        for _ in range(0, most, _PORTION):
            batch, covers = task.scenes(rng, _PORTION)
            yield _PORTION, batch, covers
        return
    assert isinstance(task, CaptionedTask)
    _, first = np.unique(task.picture_of, return_index=True)
    for start in range(0, min(len(first), most), _PORTION):
        chosen = first[start : min(start + _PORTION, most)].astype(np.int64)
        yield len(chosen), task.take(chosen), None


def _add(subject: Subject, shown: _Shown, batch: Any, rows: int) -> None:
    like = next(subject.model.parameters())
    source = torch.from_numpy(batch.source).to(like)
    main, targets = torch.from_numpy(batch.inputs), torch.from_numpy(batch.targets)
    written = write_greedily(
        subject.model, Inputs(main, source), BEGIN, END, subject.model.facts.window
    )
    given = Inputs(main, source, torch.from_numpy(batch.lengths))
    losses = subject.model.losses(subject.model(given)[0], targets)
    asked = (targets >= 0).to(losses)
    mean = (losses * asked).sum(1) / asked.sum(1)
    task = subject.dataset.held_out_task or subject.dataset.task
    vocabulary = subject.dataset.vocabulary
    assert vocabulary is not None
    assert task is not None
    for row in range(rows):
        right = task.right_answers(batch, row)
        own = batch.targets[row, : batch.lengths[row] - 1]
        shown.right.append(right or (vocabulary.decode(own),))
        shown.told.append(vocabulary.decode(_before_end(written[row].numpy())))
        shown.losses.append(float(mean[row]))
        shown.pictures.append(batch.source[row].astype(np.float32))


def _before_end(row: NDArray[np.int64]) -> NDArray[np.int64]:
    ends = np.flatnonzero(row == END)
    return row[: ends[0]] if len(ends) else row


def _add_overlap(
    subject: Subject, shown: _Shown, batch: Any, covers: NDArray[np.bool_], row: int
) -> None:
    """Compare where the model looks at the nouns of the true sentence with where things are."""
    length = int(batch.lengths[row])
    like = next(subject.model.parameters())
    read = Inputs(
        torch.from_numpy(batch.inputs[row : row + 1, :length]),
        torch.from_numpy(batch.source[row : row + 1]).to(like),
    )
    _logits, looks = _looked(subject.model, read, chosen=False)
    if not looks:
        return
    steps = [t for t in range(length) if int(batch.targets[row, t]) in _NOUNS]
    grid = looks[0].grid
    weights = np.mean([look.weights for look in looks if look.grid == grid], 0)
    for thing, step in enumerate(steps[: covers.shape[1]]):
        where = places_of(covers[row, thing], grid)
        shown.overlaps.append(overlap(weights[step].reshape(grid), where))
        shown.chances.append(overlap_by_chance(where))


def _gallery(shown: _Shown, question: CaptionGalleryOf, *, done: bool) -> CaptionGallery:
    order = np.argsort(shown.losses, kind="stable")
    if len(order) > 2 * question.shown:
        order = np.concatenate([order[: question.shown], order[-question.shown :]])
    told, right = shown.told, shown.right
    exact = float(np.mean([line in each for line, each in zip(told, right, strict=True)]))
    has = bool(shown.overlaps)
    return CaptionGallery(
        freeze(np.stack([shown.pictures[at] for at in order])),
        tuple(told[at] for at in order),
        tuple(right[at][0] for at in order),
        freeze(np.array([shown.losses[at] for at in order])),
        len(told),
        exact,
        cider(told, right),
        float(np.mean(shown.overlaps)) if has else float("nan"),
        float(np.mean(shown.chances)) if has else float("nan"),
        len(shown.overlaps),
        done,
    )


ANSWERS: dict[type, Answer] = {TellPicture: tell_picture, CaptionGalleryOf: caption_gallery}
