"""A sound that a model goes on with. Shape legend: P = samples before, M = samples after."""

from __future__ import annotations

from dataclasses import dataclass

from seqstudio.records.readings import Floats

BEFORE_S = 0.5
LONGEST_S = 2.0


@dataclass(frozen=True)
class ContinueSound:
    """Ask for a continuation of the held-out sound.

    Attributes:
        place: Share of the held-out part, 0 to 1, at which the model goes on.
        seconds: How long.
        temperature: Below 1 the likely becomes likelier.
        seed: Of the random numbers.
    """

    place: float = 0.3
    seconds: float = 0.5
    temperature: float = 0.9
    seed: int = 0


@dataclass(frozen=True)
class SoundContinued:
    """The answer, all samples from -1 to 1.

    Attributes:
        rate: Samples a second.
        before: (P,) what the model read.
        truth: (M,) how the sound really goes on; shorter at the end of the held-out part.
        told: (M,) how the model goes on; grows while it is written.
        wanted: Samples that it will have in the end.
        level: (M,) its surprise in nats about each of its own samples.
    """

    rate: int
    before: Floats
    truth: Floats
    told: Floats
    wanted: int
    level: Floats
