"""A picture that a person drew or chose, and what a model of classes makes of it.

Pictures cross as text: `packed` and `unpacked` turn shades into it and back.
"""

from __future__ import annotations

import base64
import binascii
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seqstudio.records.readings import Floats, Ints

MOST_BYTES = 4_000_000


def packed(shades: NDArray[np.floating]) -> str:
    """Return shades from 0 to 1, of any shape, as text: 256 steps a number."""
    steps = np.rint(np.clip(shades, 0, 1) * 255).astype(np.uint8)
    return base64.b85encode(steps.tobytes()).decode("ascii")


def unpacked(text: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return the shades that `packed` was given, in a shape.

    Raises:
        ValueError: The text does not hold so many.
    """
    if len(text) > MOST_BYTES:
        raise ValueError("the picture is too large")
    try:
        data = base64.b85decode(text)
    except (ValueError, binascii.Error) as error:
        raise ValueError("this is no picture") from error
    if len(data) != math.prod(shape):
        raise ValueError(f"{len(data):,} numbers are no picture of {shape}")
    return np.frombuffer(data, np.uint8).reshape(shape).astype(np.float32) / np.float32(255)


@dataclass(frozen=True)
class ReadPicture:
    """Ask a model of classes what it makes of a picture, part by part.

    Attributes:
        pixels: The picture, packed.
        frame: Its channels, height and width.
    """

    pixels: str
    frame: tuple[int, int, int]


@dataclass(frozen=True)
class PictureRead:
    """The answer.

    Attributes:
        classes: Names of the C classes.
        part: What is read at a step: "row", "pixel" or "patch".
        steps: (n,) how many parts were read; the last is all of them.
        p: (n, C) probabilities after so many.
        fall: (h, w) what the probability of the verdict loses when a square is hidden.
    """

    classes: tuple[str, ...]
    part: str
    steps: Ints
    p: Floats
    fall: Floats


@dataclass(frozen=True)
class WatchClip:
    """Ask a model of movements what it makes of a clip, frame by frame.

    Attributes:
        pixels: The frames (F, S, S), packed.
        frames: F.
        side: S.
    """

    pixels: str
    frames: int
    side: int


@dataclass(frozen=True)
class ClipWatched:
    """The answer.

    Attributes:
        classes: Names of the C classes.
        p: (F, C) probabilities after each frame.
        every: The model is asked at every frame; else its answer after the last one counts.
    """

    classes: tuple[str, ...]
    p: Floats
    every: bool
