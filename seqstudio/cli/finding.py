"""`seqstudio train PROJECT --find-rate`: a learning rate for the model, as numbers and a curve."""

from __future__ import annotations

import math
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

from seqstudio.cli.console import ProgressLine, print_json
from seqstudio.cli.usage import UsageError
from seqstudio.data.dataset import Dataset
from seqstudio.document.project import Project
from seqstudio.records.messages import Start
from seqstudio.records.readings import RateSweep

ROWS, BAR = 25, 32
WORDS = (
    "The suggestion is the smaller of two rates: where the smoothed loss falls fastest ({steep}), "
    "and a tenth of where it is lowest ({lowest} / 10)."
)


def find_rate(project: Project, dataset: Dataset, arguments: Namespace) -> int:
    """Try rising rates on the untrained model; print what they do and which one is suggested.

    Raises:
        UsageError: Together with an option that says how to train on.
        SeqError: The device is not there.
    """
    for name in ("resume", "run"):
        if getattr(arguments, name):
            why = "the search begins with an untrained model and keeps no run"
            raise UsageError(f"--{name} does not go with --find-rate", why, "Leave it out")
    sweep = _sweep(project, dataset, arguments.device, Path(arguments.project).name)
    if arguments.json:
        print_json({"event": "rate", **_as_json(sweep)})
    else:
        print("\n".join(lines(sweep, project.training.learning_rate)))
    return 0


def _sweep(project: Project, dataset: Dataset, device: str, name: str) -> RateSweep:
    from seqstudio.engine.rate_finder import STEPS, rate_sweep
    from seqstudio.engine.trainer import Trainer

    start = Start("rate", "", "", "", device=device, probes=False)
    trainer = Trainer(start, project, dataset, lambda _: None)
    line = ProgressLine()
    line.say(f"Trying up to {STEPS} learning rates on {name}")
    *_, result = rate_sweep(trainer.learner)
    line.clear()
    assert result is not None  # the last one is the result
    return result


def lines(sweep: RateSweep, now: float) -> Iterator[str]:
    """Yield the curve as bars, then the suggestion and what it rests on."""
    every = max(len(sweep.rates) // ROWS, 1)
    low, high = float(sweep.smoothed.min()), float(sweep.smoothed[: len(sweep.rates)].max())
    yield "      rate     loss"
    for row in range(0, len(sweep.rates), every):
        value = float(sweep.smoothed[row])
        share = (value - low) / (high - low) if math.isfinite(value) and high > low else 1.0
        yield f"  {sweep.rates[row]:8.1e}  {value:7.3f}  {'█' * max(round(BAR * share), 1)}"
    if math.isnan(sweep.suggestion):
        yield "Nothing can be suggested: the loss was not finite from the start"
        return
    yield f"suggestion {sweep.suggestion:.1e}, the project has {now:.1e}"
    yield WORDS.format(steep=f"{sweep.steepest:.1e}", lowest=f"{sweep.lowest:.1e}")


def _as_json(sweep: RateSweep) -> dict[str, object]:
    def number(value: float) -> float | None:
        return value if math.isfinite(value) else None

    return {
        "suggestion": number(sweep.suggestion),
        "steepest": number(sweep.steepest),
        "lowest": number(sweep.lowest),
        "rates": sweep.rates.tolist(),
        "losses": [number(loss) for loss in sweep.losses.tolist()],
        "smoothed": [number(loss) for loss in sweep.smoothed.tolist()],
    }
