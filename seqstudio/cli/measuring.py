"""The numbers behind the panels of gradients and attention, measured anew on a trained model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqstudio.cli.runs import Trained
from seqstudio.cli.usage import UsageError
from seqstudio.core.errors import DataError, RunError
from seqstudio.data.dataset import Dataset
from seqstudio.engine.batches import held_out
from seqstudio.engine.inputs import as_inputs
from seqstudio.engine.losses import asked, mean_loss
from seqstudio.engine.probe_text import ProbeText
from seqstudio.engine.probes import StepTap
from seqstudio.records.readings import (
    AttentionReading,
    GradientReading,
    Horizon,
    LayerAttention,
    LayerGradient,
)

SHORTEST = 4
ROWS = 4
Row = tuple[object, ...]
Arrays = dict[str, NDArray[Any]]


# ---------------------------------------------------------------------------------- measuring


@dataclass(frozen=True)
class Gradients:
    """What the gradient panels show: `horizon` of a probe text, `step` of one batch."""

    run: str
    horizon: GradientReading
    step: GradientReading

    @property
    def readings(self) -> tuple[GradientReading, ...]:
        """Both readings."""
        return self.horizon, self.step

    def arrays(self) -> Arrays:
        """Return the numbers by name; distances and times in steps, horizons in decades."""
        arrays: Arrays = {"tokens": np.array(self.step.tokens), "step": np.array(self.step.step)}
        for each in self.horizon.horizons:
            arrays |= _named(f"horizon.{each.block}.{_plain(each.quantity)}", each, _HORIZON)
        for layer in self.step.layers:
            arrays |= _named(f"time.{layer.block}.{layer.layer}", layer, _TIME)
        return arrays

    def rows(self) -> Iterator[Row]:
        """Yield the long form: a line a value, its names first."""
        yield "what", "block", "layer", "quantity", "x", "value", "low", "high", "count"
        for each in self.horizon.horizons:
            yield from _horizon_rows(each)
        for layer in self.step.layers:
            yield from _time_rows(layer)


_HORIZON = ("distance", "median", "low", "high", "count", "slope", "reach")
_TIME = ("total_h", "direct_h", "total_c", "wall_h", "wall_c")


def _plain(quantity: str) -> str:
    return quantity.replace("/", "_")


def _named(start: str, source: Horizon | LayerGradient, names: tuple[str, ...]) -> Arrays:
    values = {name: getattr(source, name) for name in names}
    return {
        f"{start}.{key}": np.asarray(value) for key, value in values.items() if value is not None
    }


def _horizon_rows(each: Horizon) -> Iterator[Row]:
    columns = (each.distance, each.median, each.low, each.high, each.count)
    for x, middle, low, high, count in zip(*columns, strict=True):
        yield "horizon", each.block, "", each.quantity, x, middle, low, high, count


def _time_rows(layer: LayerGradient) -> Iterator[Row]:
    for name in ("total_h", "direct_h", "total_c"):
        values = getattr(layer, name)
        for t, value in enumerate(() if values is None else values):
            yield "time", layer.block, layer.layer, name, t, value, "", "", ""


def gradients_of(model: Trained, text: str) -> Gradients:
    """Measure gradient horizons on the text, and one batch through time."""
    dataset = _dataset_of(model, text)
    probe = ProbeText(model.model, dataset, "")
    if probe.unmeasured:
        raise UsageError(
            "There are no gradients to look at", probe.unmeasured, "Inspect attention instead"
        )
    horizon = next(
        each for each in probe.readings(model.step) if isinstance(each, GradientReading)
    )
    return Gradients(model.run, horizon, _through_time(model, dataset, probe.tokens))


def _dataset_of(model: Trained, text: str) -> Dataset:
    """Return the run's data, with the text as their held-out part when there is one.

    Raises:
        UsageError: The data are generated.
        DataError: The model knows too little of the text.
    """
    dataset = model.dataset
    if not text or dataset.vocabulary is None:
        return dataset
    if dataset.generated:
        why = f"{model.run} learns from generated data"
        raise UsageError("--text does not fit here", why, "Leave it out")
    ids = dataset.vocabulary.encode(text, skip_unknown=True)
    if len(ids) < SHORTEST:
        why = f"{len(ids)} of its characters are known to the model, {SHORTEST} are needed"
        raise DataError("The text is too short to look at", why, "Give a longer one")
    return replace(dataset, valid=ids)


def _through_time(model: Trained, dataset: Dataset, tokens: tuple[str, ...]) -> GradientReading:
    """Send one held-out batch forward and back, and follow the gradient through its steps."""
    network, window = model.model, model.model.facts.window
    device = next(network.parameters()).device
    batch = next(held_out(dataset, window, device, 32 * window))
    with StepTap(network) as tap:
        outputs, _ = network(batch.inputs)
        losses = network.losses(outputs, batch.targets)
        mean_loss(losses, batch.targets).backward()  # type: ignore[no-untyped-call]
    tap.collect(as_inputs(batch.inputs).alike(ROWS))
    network.zero_grad()
    return tap.reading(model.step, tokens, float(asked(batch.targets).sum()), batch.steps)


@dataclass(frozen=True)
class Attention:
    """What the attention panel shows."""

    run: str
    reading: AttentionReading

    @property
    def readings(self) -> tuple[AttentionReading, ...]:
        """The reading."""
        return (self.reading,)

    def arrays(self) -> Arrays:
        """Return weights (H, T, T), query by key, and masks (T, T) of every layer by name."""
        arrays: Arrays = {
            "tokens": np.array(self.reading.tokens),
            "step": np.array(self.reading.step),
        }
        for layer in self.reading.layers:
            arrays[f"attention.{layer.block}.{layer.layer}"] = layer.weights
            arrays[f"masked.{layer.block}.{layer.layer}"] = layer.masked
        return arrays

    def rows(self) -> Iterator[Row]:
        """Yield the long form: a line for every pair that may see each other."""
        yield "block", "layer", "head", "query", "key", "query_token", "key_token", "weight"
        for layer in self.reading.layers:
            yield from _pair_rows(layer, self.reading.tokens)


def _pair_rows(layer: LayerAttention, tokens: tuple[str, ...]) -> Iterator[Row]:
    for head, weights in enumerate(layer.weights):
        for q, k in np.argwhere(~layer.masked):
            yield layer.block, layer.layer, head, q, k, tokens[q], tokens[k], weights[q, k]


def attention_of(model: Trained, text: str) -> Attention:
    """Measure the attention weights of every layer and head.

    Raises:
        RunError: The model has no attention.
    """
    probe = ProbeText(model.model, model.dataset, text)
    for reading in probe.readings(model.step):
        if isinstance(reading, AttentionReading):
            return Attention(model.run, reading)
    hint = "Inspect gradients, or train a model with a transformer block"
    raise RunError(f"{model.run} has no attention to look at", "no block of it attends", hint)
