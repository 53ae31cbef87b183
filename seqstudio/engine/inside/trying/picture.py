"""A picture or a clip read part by part by a model of classes.

Shape legend: C classes, n steps that are told, P squares of a picture, F frames.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqstudio.core.errors import DataError, RunError
from seqstudio.data.tasks.pictured import Look
from seqstudio.engine.inputs import Inputs
from seqstudio.engine.inside.subject import Answer, Subject
from seqstudio.records.inside.trying.picture import (
    ClipWatched,
    PictureRead,
    ReadPicture,
    WatchClip,
    unpacked,
)
from seqstudio.records.readings import freeze

_MOST_STEPS = 33
_SQUARES = 8  # squares a side that are hidden where the model has no patches of its own
_ROWS = 64


def read_picture(subject: Subject, question: ReadPicture) -> Iterator[PictureRead | None]:
    """Answer `ReadPicture`: every beginning, then the picture with each square hidden.

    Raises:
        RunError: The model does not tell the class of a picture.
        DataError: The picture is not as large as those of the data.
    """
    look = _look(subject)
    picture = checked_picture(question.pixels, question.frame, look.frame)
    part, beginnings, steps = _beginnings(subject, look, picture)
    p = []
    for rows in beginnings:
        p.append(_probabilities(subject, rows))
        yield None
    running = torch.cat(p)
    side = _patch(subject) or max(1, look.frame[1] // _SQUARES)
    hidden = _hidden(look, picture, side)
    verdict, lost = int(running[-1].argmax()), []
    for start in range(0, len(hidden), _ROWS):
        lost.append(_probabilities(subject, look.read(hidden[start : start + _ROWS])))
        yield None
    fall = running[-1, verdict] - torch.cat(lost)[:, verdict]
    lines = look.frame[1] // side
    yield PictureRead(
        subject.dataset.classes,
        part,
        freeze(np.array(steps, np.int64)),
        freeze(running.double().numpy()),
        freeze(fall.double().numpy().reshape(lines, -1)),
    )


def _look(subject: Subject) -> Look:
    found = getattr(subject.dataset.task, "look", None)
    if subject.dataset.pattern != "class" or not isinstance(found, Look):
        raise RunError(
            "This model does not tell the class of a picture",
            f"{subject.dataset.title} asks for: {subject.dataset.pattern}",
            "Open a project that does, such as Digits in patches",
        )
    return found


def checked_picture(
    pixels: str, frame: tuple[int, ...], wanted: tuple[int, ...]
) -> NDArray[np.float32]:
    """Return the picture of a question, of the size `wanted`.

    Raises:
        DataError: It has another size, or is none.
    """
    if tuple(frame) != tuple(wanted):
        raise DataError(
            "The picture has another size than those of the data",
            f"{' × '.join(map(str, frame))}, not {' × '.join(map(str, wanted))}",
            "Draw or open it again",
        )
    try:
        return unpacked(pixels, tuple(wanted))
    except ValueError as error:
        raise DataError("The picture cannot be read", str(error)) from error


def _probabilities(subject: Subject, rows: NDArray[np.float32]) -> Tensor:
    parameter = next(subject.model.parameters())
    outputs, _ = subject.model(Inputs(torch.from_numpy(rows).to(parameter)))
    result: Tensor = outputs.softmax(-1)
    return result


@dataclass(frozen=True)
class _Patches:
    """The squares of a picture line by line, as slices of its last two axes."""

    squares: tuple[tuple[slice, slice], ...]

    @classmethod
    def of(cls, height: int, width: int, side: int) -> _Patches:
        return cls(
            tuple(
                (slice(top, top + side), slice(left, left + side))
                for top in range(0, height - side + 1, side)
                for left in range(0, width - side + 1, side)
            )
        )


def _patch(subject: Subject) -> int:
    """Return the side of the patches that the model cuts the picture itself into, 0 for none."""
    pictures = {node.block for node in subject.model.nodes if node.kind == "picture"}
    for node in subject.model.nodes:
        if node.kind == "patches" and set(node.sources) <= pictures:
            return int(subject.model.graph.blocks[node.block].params["size"])
    return 0


def _beginnings(
    subject: Subject, look: Look, picture: NDArray[np.float32]
) -> tuple[str, Iterator[NDArray[np.float32]], list[int]]:
    """Return what is read at a step, batches of beginnings, and how many parts each has."""
    if look.reading == "picture":
        side = _patch(subject) or max(1, look.frame[1] // _SQUARES)
        squares = _Patches.of(*look.frame[1:], side).squares
        steps = _some(len(squares))
        return "patch", _uncovered(look, picture, squares, steps), steps
    whole = look.read(picture[None])
    steps = _some(whole.shape[1])
    return look.reading.rstrip("s"), (whole[:, :count] for count in steps), steps


def _some(count: int) -> list[int]:
    """Return numbers from 1 to `count`, all of them or some evenly."""
    if count <= 2 * _MOST_STEPS:
        return list(range(1, count + 1))
    return [int(step) for step in np.linspace(1, count, _MOST_STEPS).round()]


def _uncovered(
    look: Look,
    picture: NDArray[np.float32],
    squares: tuple[tuple[slice, slice], ...],
    steps: list[int],
) -> Iterator[NDArray[np.float32]]:
    """Yield pictures of which only the first squares are there, the rest is paper."""
    for start in range(0, len(steps), _ROWS):
        part = steps[start : start + _ROWS]
        rows = np.full((len(part), *look.frame), look.paper, np.float32)
        for row, count in zip(rows, part, strict=True):
            for y, x in squares[:count]:
                row[:, y, x] = picture[:, y, x]
            if count == len(squares):
                row[:] = picture
        yield rows


def _hidden(look: Look, picture: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Return the picture (P, C, H, W) with each of its squares painted over with paper."""
    squares = _Patches.of(*look.frame[1:], side).squares
    rows = np.repeat(picture[None], len(squares), 0)
    for row, (y, x) in zip(rows, squares, strict=True):
        row[:, y, x] = look.paper
    return rows


def watch_clip(subject: Subject, question: WatchClip) -> Iterator[ClipWatched | None]:
    """Answer `WatchClip`: after each frame what the model says of the clip up to there.

    Raises:
        RunError: The model does not tell movements.
        DataError: The frames are not those of the data.
    """
    dataset = subject.dataset
    frames, side = (getattr(dataset.task, name, 0) for name in ("frames", "side"))
    if not frames or dataset.vector_width != side * side:
        raise RunError(
            "This model does not watch clips",
            f"it learns from {dataset.title}",
            "Open a project that does, such as What happens in a clip",
        )
    if not 1 <= question.frames <= frames:
        raise DataError("The clip is too long", f"{question.frames:,} frames, {frames:,} at most")
    clip = checked_picture(
        question.pixels,
        (question.frames, question.side, question.side),
        (question.frames, side, side),
    ).reshape(1, question.frames, -1)
    every = dataset.pattern == "class per step"
    if every:
        p = _probabilities(subject, clip)[0]
    else:
        rows = []
        for count in range(1, question.frames + 1):
            rows.append(_probabilities(subject, clip[:, :count]))
            yield None
        p = torch.cat(rows)
    yield ClipWatched(dataset.classes, freeze(p.double().numpy()), every)


ANSWERS: dict[type, Answer] = {ReadPicture: read_picture, WatchClip: watch_clip}
