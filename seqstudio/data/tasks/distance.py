"""How far apart cue and question lie: drawing a task at any distance."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from seqstudio.core.errors import DataError
from seqstudio.data.tasks.base import NOT_ASKED
from seqstudio.data.tasks.counting import CountingTask
from seqstudio.data.tasks.far import (
    BLANK,
    SHORTEST,
    WORD,
    CopyMemoryTask,
    TemporalOrderTask,
    X,
)
from seqstudio.data.tasks.memory import AddingTask, OrderTask, RecallTask
from seqstudio.data.tasks.tagging import LEAST, BracketsTask, ParityTask

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqstudio.data.tasks.base import Batch, Task

NEAR_ENOUGH = 0.08
"""Largest error of a right sum: Hochreiter and Schmidhuber (1997) allow 0.04 of numbers on a
scale of half the size."""
TIMES = 4
"""The longest distance that is asked about, over the longest that is trained at."""
MOST = 1000
_POINTS = 12


@dataclass(frozen=True)
class Reach:
    """The distances of a task.

    Attributes:
        noun: What is counted, such as "steps from cue to question".
        least: Shortest that there is.
        step: Between two that there are.
        trained: Shortest and longest that training draws.
    """

    noun: str
    least: int
    step: int
    trained: tuple[int, int]

    def fitted(self, distance: int) -> int:
        """Return the nearest distance that there is, at or below `distance`."""
        return max(self.least, distance - (distance - self.least) % self.step)

    def usual(self) -> tuple[int, ...]:
        """Return about a dozen distances from short to four times the longest trained one."""
        longest = min(MOST, max(TIMES * self.trained[1], self.least + 1))
        even = np.geomspace(max(self.least, 2), longest, _POINTS).round()
        marks = (*even, self.trained[1], min(2 * self.trained[1], longest))
        return tuple(sorted({self.fitted(int(each)) for each in marks}))


def reach_of(task: Task | None) -> Reach | None:  # noqa: PLR0911  one line a task
    """Return the distances of a task; None where it has none."""
    match task:
        case RecallTask(gap):
            return Reach("steps from cue to question", 1, 1, (gap, gap))
        case CopyMemoryTask(gap):
            return Reach("steps of the gap", 1, 1, (gap, gap))
        case TemporalOrderTask(length):
            return Reach("steps of the sequence", SHORTEST, 1, (length, length))
        case AddingTask(length) | OrderTask(length):
            return Reach("steps of the sequence", 2, 1, (length, length))
        case ParityTask(length):
            return Reach("bits", 1, 1, (length, length))
        case BracketsTask(length, least):
            return Reach("brackets", LEAST, 2, (least, length - length % 2))
        case CountingTask(length, letters):
            most = length - length % letters
            return Reach("letters", letters, letters, (letters, most))
    return None


def at_distance(task: Task, distance: int) -> Task:
    """Return the task with every example at one distance.

    Raises:
        DataError: The task has no distance, or not this one.
    """
    match task:
        case RecallTask() | CopyMemoryTask():
            return replace(task, gap=distance)
        case BracketsTask() | CountingTask():
            return replace(task, length=distance, least=distance)
        case TemporalOrderTask() | AddingTask() | OrderTask() | ParityTask():
            return replace(task, length=distance)
    raise DataError(
        "These data have no distance to set", "", "Open a memory task, such as Recall a cue"
    )


def telling(task: Task, batch: Batch) -> NDArray[np.bool_]:
    """Return where an answer takes memory, in the shape of the targets without values.

    All that is asked, but of copying only the symbols: blanks tell nothing.
    """
    if batch.targets.dtype.kind == "f":
        return np.ones(len(batch.targets), np.bool_)
    asked: NDArray[np.bool_] = batch.targets != NOT_ASKED
    if isinstance(task, CopyMemoryTask):
        asked = asked & np.asarray(batch.targets != BLANK, np.bool_)
    return asked


def cues(task: Task, batch: Batch) -> NDArray[np.int64]:
    """Return the step (B,) of what has to be remembered for the last answer."""
    rows = len(batch.inputs)
    match task:
        case AddingTask():
            return np.asarray(batch.inputs[:, :, 1].argmax(1), np.int64)
        case CopyMemoryTask():
            return np.full(rows, WORD - 1, np.int64)
        case TemporalOrderTask():
            marks = (batch.inputs == X) | (batch.inputs == X + 1)
            return np.asarray(marks.argmax(1), np.int64)
    return np.zeros(rows, np.int64)
