"""The pinned probe text: the same words at every look, so that curves compare across steps."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from seqstudio.data.dataset import Dataset
from seqstudio.engine.batches import held_out
from seqstudio.engine.inputs import Inputs, as_inputs
from seqstudio.engine.losses import asked
from seqstudio.engine.model import GraphModel
from seqstudio.engine.probes import attention, horizons
from seqstudio.records.readings import AttentionReading, GradientReading

ATTENTION_LIMIT = 256  # steps; a map of 256 x 256 per head still fits the screen and the pipe
ATTENTION_DEFAULT = 40  # steps of the held-out text while nobody has typed one: still readable
HORIZON_ROWS = 4


class ProbeText:
    """One text, or one drawn example, that the gradient and attention probes look at.

    Attributes:
        tokens: What a person sees at each step.
        skipped: Characters of the wish that the model does not know and that were left out.
        unmeasured: Why gradient horizons are not measured on these data, "" where they are.
    """

    def __init__(self, model: GraphModel, dataset: Dataset, wish: str) -> None:
        self.model = model
        self.dataset = dataset
        self.skipped: tuple[str, ...] = ()
        device = next(model.parameters()).device
        self._text: Tensor | None = self._wished(wish, device)
        batch = next(held_out(dataset, model.facts.window, device, 32 * model.facts.window))
        given = as_inputs(batch.inputs)
        rows = given.alike(HORIZON_ROWS)
        self._inputs, self._targets = given.without_padding(rows), batch.targets[rows]
        self._steps = batch.steps if given.lengths is None else self._inputs.main.shape[1]
        if model.pattern not in {"class", "value"}:
            self._targets = self._targets[:, : self._steps]
        self.unmeasured = self._why_not()
        shown = self._text if self._text is not None else self._inputs.main[0]
        self.tokens = self._words(shown)

    def _wished(self, wish: str, device: torch.device) -> Tensor | None:
        vocabulary = self.dataset.vocabulary
        if not wish or vocabulary is None or self.dataset.source:
            return None
        self.skipped = vocabulary.unknown(wish)
        ids = vocabulary.encode(wish, skip_unknown=True)[:ATTENTION_LIMIT]
        if not len(ids):
            return None
        return torch.from_numpy(ids.astype(np.int64)).to(device)

    def _why_not(self) -> str:
        if self.dataset.input == "picture":
            return "Gradient horizons are not measured: a picture has no time steps"
        if not bool(asked(self._targets).all()):
            return "Gradient horizons are not measured: a prediction is asked at few steps only"
        return ""

    def _attended(self) -> Inputs:
        """Return the one row whose attention is shown: the wish, or the start of an example."""
        if self._text is not None:
            return Inputs(self._text[None])
        row = self._inputs.rows(slice(1))
        if self.dataset.input == "picture":
            return row
        steps = ATTENTION_LIMIT if self.dataset.generated else ATTENTION_DEFAULT
        return replace(row, main=row.main[:, :steps])

    def _words(self, row: Tensor) -> tuple[str, ...]:
        if self.dataset.vocabulary is None:
            return tuple(str(t) for t in range(len(row)))
        symbols = self.dataset.vocabulary.symbols
        return tuple(symbols[int(i)] for i in row.cpu())

    def readings(self, step: int) -> Iterator[GradientReading | AttentionReading]:
        """Measure the model as it is now: gradient horizons, then attention if it has any."""
        if not self.unmeasured:
            yield self._gradients(step)
        began = time.perf_counter()
        shown = self._attended()
        layers = attention(self.model, shown)
        if layers:
            tokens = self._names(shown.main[0], layers[0].weights.shape[-1])
            yield AttentionReading(step, tokens, layers, time.perf_counter() - began)

    def _gradients(self, step: int) -> GradientReading:
        began = time.perf_counter()
        curves = horizons(self.model, self._inputs, self._targets)
        return GradientReading(
            step=step,
            tokens=self._words(self._inputs.main[0]),
            layers=(),
            horizons=curves,
            rows=len(self._inputs),
            window=self._steps,
            source="probe text",
            cost_s=time.perf_counter() - began,
        )

    def _names(self, row: Tensor, count: int) -> tuple[str, ...]:
        """Return the words of a row, or numbers where attention looks at other places."""
        words = self._words(row)
        return words if len(words) == count else tuple(map(str, range(count)))
