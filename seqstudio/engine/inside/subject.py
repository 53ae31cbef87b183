"""What is looked at: a model at rest, with the data that it reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seqstudio.core.errors import DataError
from seqstudio.data.dataset import Dataset
from seqstudio.document.project import Project
from seqstudio.engine.batches import held_out
from seqstudio.engine.inputs import Inputs, as_inputs
from seqstudio.engine.model import GraphModel


@dataclass(frozen=True)
class Excerpt:
    """One example that a model reads.

    Attributes:
        inputs: One row, without padding.
        targets: What is to be predicted, (1, T) for a loss at every step.
        tokens: What a person sees at each step of the main stream.
        skipped: Characters of the text that the model does not know and that were left out.
        cut: Steps of the text that were left off at its end.
    """

    inputs: Inputs
    targets: Tensor
    tokens: tuple[str, ...]
    skipped: tuple[str, ...] = ()
    cut: int = 0


@dataclass(frozen=True)
class Subject:
    """A copy of a model at one training step: nothing that is done to it reaches the run.

    It is in evaluation mode, and its parameters ask for no gradient; `gradients_of` lends one.

    Attributes:
        model: On the processor.
        dataset: What it learns from.
        project: The project that it was built from.
        step: Training step of its weights, 0 for untrained ones.
        weights: The same in words.
        text: What the person wants to be read, "" for the start of the held-out part.
    """

    model: GraphModel
    dataset: Dataset
    project: Project
    step: int
    weights: str
    text: str = ""

    def excerpt(self, most: int) -> Excerpt:
        """Return the text, or else the first held-out example, cut to `most` steps.

        Raises:
            DataError: The model knows no character of the text.
        """
        vocabulary = self.dataset.vocabulary
        if self.text and vocabulary is not None and not self.dataset.source:
            return self._typed(most)
        batch = next(held_out(self.dataset, max(most, 2), torch.device("cpu"), 64 * most))
        given = as_inputs(batch.inputs)
        rows = given.alike(1)
        inputs, targets = given.without_padding(rows), batch.targets[rows]
        length = inputs.main.shape[1] if inputs.main.dim() < 4 else batch.steps
        steps = min(length, most)
        if self.model.pattern in {"next token", "tag"} and inputs.main.dim() < 4:
            targets = targets[:, :steps]
            inputs = Inputs(inputs.main[:, :steps], inputs.source)
        shown = inputs.main.shape[1] if inputs.main.dim() < 4 else batch.steps
        return Excerpt(inputs, targets, self.words(inputs.main[0], shown), (), length - shown)

    def _typed(self, most: int) -> Excerpt:
        vocabulary = self.dataset.vocabulary
        assert vocabulary is not None
        skipped = vocabulary.unknown(self.text)
        ids = vocabulary.encode(self.text, skip_unknown=True).astype(np.int64)
        if len(ids) < 2:
            raise DataError(
                "The text is too short to look at",
                f"{len(ids)} of its characters are known to this model; two are the least",
                "Type a longer text, of characters that the data have",
            )
        read = torch.from_numpy(ids[: most + 1])
        cut = max(0, len(ids) - 1 - most)
        inputs = Inputs(read[None, :-1])
        return Excerpt(inputs, read[None, 1:], self.words(read[:-1], len(read) - 1), skipped, cut)

    def words(self, row: Tensor, steps: int) -> tuple[str, ...]:
        """Return what a person sees at the steps of a row: its symbols, or numbers."""
        vocabulary = self.dataset.vocabulary
        if vocabulary is None or row.dim() != 1 or row.is_floating_point():
            return tuple(map(str, range(steps)))
        return tuple(vocabulary.symbols[int(i)] for i in row)


Answer = Callable[[Subject, Any], Iterator[object]]
"""What answers a question: it yields readings, and None wherever it can be interrupted."""


@contextmanager
def gradients_of(model: GraphModel) -> Iterator[None]:
    """Let the parameters ask for gradients inside; what they got is dropped afterwards."""
    asking = [parameter for parameter in model.parameters() if not parameter.requires_grad]
    for parameter in asking:
        parameter.requires_grad_(True)
    try:
        with torch.enable_grad():
            yield
    finally:
        for parameter in asking:
            parameter.requires_grad_(False)
            parameter.grad = None
