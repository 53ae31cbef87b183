"""Numbers and marks set by hand. Shape legend: B rows, T steps."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from seqstudio.core.errors import DataError, RunError
from seqstudio.data.tasks.base import LONGEST
from seqstudio.data.tasks.memory import AddingTask
from seqstudio.engine.inputs import Inputs
from seqstudio.engine.inside.subject import Answer, Subject
from seqstudio.records.inside.trying.adding import Added, AddNumbers
from seqstudio.records.readings import freeze

_ASKED = 25


def add_numbers(subject: Subject, question: AddNumbers) -> Iterator[Added | None]:
    """Answer `AddNumbers`; beginnings of the sequence are asked one after the other.

    Raises:
        RunError: The model adds nothing.
        DataError: A mark lies outside, or there are no numbers.
    """
    if not isinstance(subject.dataset.task, AddingTask):
        raise RunError(
            "This model does not add", f"it learns {subject.dataset.title}", "Open an adding model"
        )
    steps = len(question.values)
    if not 1 <= steps <= LONGEST or not all(0 <= mark < steps for mark in question.marks):
        raise DataError("These marks cannot be set", f"there are {steps:,} numbers", "")
    row = torch.zeros(1, steps, 2)
    row[0, :, 0] = torch.tensor(question.values)
    row[0, list(question.marks), 1] = 1
    right = sum(question.values[mark] for mark in question.marks)
    asked = np.unique(np.linspace(1, steps, min(_ASKED, steps)).round().astype(np.int64))
    found = []
    for length in asked:
        found.append(float(subject.model(Inputs(row[:, : int(length)]))[0]))
        yield None
    yield Added(right, found[-1], freeze(asked), freeze(np.array(found)))


ANSWERS: dict[type, Answer] = {AddNumbers: add_numbers}
