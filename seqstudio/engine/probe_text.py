"""The pinned probe text: the same words at every look, so that curves compare across steps."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from seqstudio.data.dataset import Dataset
from seqstudio.engine.batches import held_out
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
    """

    def __init__(self, model: GraphModel, dataset: Dataset, wish: str) -> None:
        self.model = model
        self.dataset = dataset
        self.skipped: tuple[str, ...] = ()
        device = next(model.parameters()).device
        self._text: Tensor | None = self._wished(wish, device)
        batch = next(held_out(dataset, model.facts.window, device, 32 * model.facts.window))
        self._inputs, self._targets = batch.inputs[:HORIZON_ROWS], batch.targets[:HORIZON_ROWS]
        shown = self._text if self._text is not None else self._inputs[0]
        self.tokens = self._words(shown)

    def _wished(self, wish: str, device: torch.device) -> Tensor | None:
        vocabulary = self.dataset.vocabulary
        if not wish or vocabulary is None:
            return None
        self.skipped = vocabulary.unknown(wish)
        ids = vocabulary.encode(wish, skip_unknown=True)[:ATTENTION_LIMIT]
        if not len(ids):
            return None
        return torch.from_numpy(ids.astype(np.int64)).to(device)

    def _words(self, row: Tensor) -> tuple[str, ...]:
        if self.dataset.vocabulary is None:
            return tuple(str(t) for t in range(len(row)))
        symbols = self.dataset.vocabulary.symbols
        return tuple(symbols[int(i)] for i in row.cpu())

    def readings(self, step: int) -> Iterator[GradientReading | AttentionReading]:
        """Measure the model as it is now: gradient horizons, then attention if it has any."""
        began = time.perf_counter()
        curves = horizons(self.model, self._inputs, self._targets)
        yield GradientReading(
            step=step,
            tokens=self._words(self._inputs[0]),
            layers=(),
            horizons=curves,
            rows=len(self._inputs),
            window=self._inputs.shape[1],
            source="probe text",
            cost_s=time.perf_counter() - began,
        )
        began = time.perf_counter()
        text = self._text if self._text is not None else self._inputs[0][:ATTENTION_DEFAULT]
        layers = attention(self.model, text[None])
        if layers:
            yield AttentionReading(step, self._words(text), layers, time.perf_counter() - began)
