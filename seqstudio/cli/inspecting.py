"""`seqstudio inspect`: the numbers behind the gradient and attention panels, as a file."""

from __future__ import annotations

import csv
import io
import os
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqstudio.cli.runs import Trained, find_run, trained
from seqstudio.cli.usage import UsageError, checked_out
from seqstudio.core.errors import DataError, RunError
from seqstudio.core.files import write_atomic
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

KINDS = (".npz", ".csv", ".png")
SIZE = (1120, 760)
SHORTEST = 4
ROWS = 4
Row = tuple[object, ...]
Arrays = dict[str, NDArray[Any]]


def inspect(arguments: Namespace) -> int:
    """Measure the best weights of a run and write the numbers, or the panels' picture."""
    out = checked_out(Path(arguments.out), KINDS)
    path = Path(arguments.project)
    model = trained(find_run(path, arguments.run), path.parent)
    text = _text(model, arguments.text)
    look = _gradients if arguments.what == "gradients" else _attention
    found = look(model, text)
    if out.suffix == ".png":
        content = _picture(found, path, text)
    else:
        content = npz_bytes(found.arrays()) if out.suffix == ".npz" else csv_bytes(found.rows())
    write_atomic(out, content)
    told = f"{arguments.what} of {model.run} at step {model.step:,}"
    print(f"{out.name}: {told}{_left_out(model, text)}")
    return 0


def _text(model: Trained, given: str | None) -> str:
    """Return the text to look at, "" for the start of the held-out part.

    Raises:
        UsageError: The model reads no text.
    """
    if model.dataset.vocabulary is not None:
        return model.project.sampling.probe_text if given is None else given
    if given is not None:
        raise UsageError(
            "--text does not fit this run", f"{model.run} reads numbers", "Leave it out"
        )
    return ""


def _left_out(model: Trained, text: str) -> str:
    unknown = model.dataset.vocabulary.unknown(text) if model.dataset.vocabulary else ()
    return f", left out as unknown: {' '.join(unknown)}" if unknown else ""


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


def _gradients(model: Trained, text: str) -> Gradients:
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


def _attention(model: Trained, text: str) -> Attention:
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


# ------------------------------------------------------------------------------------ writing


def npz_bytes(arrays: Arrays) -> bytes:
    """Return named arrays as an .npz file; plain numbers and texts only."""
    if any(array.dtype.hasobject for array in arrays.values()):
        raise ValueError("an array holds objects")
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]  # its stub takes a flag by name
    return buffer.getvalue()


def csv_bytes(rows: Iterator[Row]) -> bytes:
    """Return rows as CSV with a header line, UTF-8."""
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    return buffer.getvalue().encode("utf-8")


def _picture(found: Gradients | Attention, path: Path, text: str) -> bytes:
    os.environ["QT_QPA_PLATFORM"] = "offscreen"  # before Qt is imported
    from seqstudio.studio.render import picture_of_readings

    return picture_of_readings(path, found.run, found.readings, SIZE, text)
