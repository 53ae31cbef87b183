"""How far a memory reaches: right answers against the distance between cue and question."""

from __future__ import annotations

from dataclasses import dataclass

from seqstudio.records.readings import Floats, Ints


@dataclass(frozen=True)
class DistanceOf:
    """Ask how a model answers at distances that it was and was not trained at.

    Attributes:
        distances: Which; () for a dozen from short to four times the longest trained one.
        examples: Drawn examples at each.
        gradients: Whether to measure the gradient from the last answer back to the cue too.
    """

    distances: tuple[int, ...] = ()
    examples: int = 64
    gradients: bool = True


@dataclass(frozen=True)
class Distances:
    """The answer; K distances.

    Attributes:
        noun: What is counted, such as "steps from cue to question".
        distances: (K,) ascending.
        right: (K,) share of right answers among those that take memory; sums count as right
            within 0.08.
        whole: (K,) share of examples without a wrong answer.
        loss: (K,) mean loss over all answers, in the unit of the data.
        gradient: (K,) mean norm of the gradient of the last answer's loss by what the model reads
            at the cue, dL_T/dx_t; NaN where it was not measured.
        trained: Shortest and longest distance that training drew.
        chance: Share that a guess gets right; NaN for values.
        floor: Loss of the answer without learning at the trained distances.
        unit: Of the loss.
        refused: Why longer distances are missing, "" when none are.
    """

    noun: str
    distances: Ints
    right: Floats
    whole: Floats
    loss: Floats
    gradient: Floats
    trained: tuple[int, int]
    chance: float
    floor: float
    unit: str
    refused: str = ""
