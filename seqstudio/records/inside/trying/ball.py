"""A thrown ball, and where a model expects it.

Shape legend: T = frames, A = frames ahead, K = guesses.
"""

from __future__ import annotations

from dataclasses import dataclass

from seqstudio.records.readings import Floats

GUESSES = 40
AHEAD = 12


@dataclass(frozen=True)
class FollowBall:
    """Ask where the model expects a ball, after it has seen some frames.

    Attributes:
        start: Where it is thrown, from -1 to 1.
        velocity: Distance a frame.
        seen: Frames that the model has seen.
    """

    start: tuple[float, float] = (-0.6, -0.4)
    velocity: tuple[float, float] = (0.1, 0.06)
    seen: int = 2


@dataclass(frozen=True)
class BallFollowed:
    """The answer.

    Attributes:
        path: (T, 2) where the ball is in each frame.
        mean: (T, 2) where the model expected it, from the frames before; NaN for the first.
        spread: (T, 2) how sure it was, as a standard deviation.
        seen: Frames that the guesses below know.
        guesses: (K, A, 2) sampled ways on from there.
        error: (T - 1,) root mean square error of a coordinate over held-out throws, after 1, 2,
            ... frames seen.
        last: (T - 1,) the same of answering the last position.
        straight: (T - 1,) the same of answering with the same velocity again; NaN at first.
        one_frame: The spread of the velocity: the best there is with one frame.
    """

    path: Floats
    mean: Floats
    spread: Floats
    seen: int
    guesses: Floats
    error: Floats
    last: Floats
    straight: Floats
    one_frame: float
