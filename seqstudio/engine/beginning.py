"""What a run finds out at its start: facts, the floor to beat, how to run steps."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING

import torch

from seqstudio.core.errors import SeqError
from seqstudio.data.floor import floor
from seqstudio.document.settings import TrainingSettings
from seqstudio.engine.cadence import Trial
from seqstudio.engine.devices import cores
from seqstudio.records.messages import Event, Facts, Failed

if TYPE_CHECKING:
    from seqstudio.engine.trainer import Trainer


def facts(trainer: Trainer, floor_name: str = "", value: float = math.nan) -> Facts:
    """Return what a trainer found out, with the floor once it is known."""
    dataset = trainer.dataset
    notes = (*dataset.notes, trainer.unmeasured, not_halved(trainer))
    return Facts(
        parameters=trainer.model.parameter_count(),
        chance=dataset.chance,
        floor_name=floor_name,
        floor=value,
        unit=dataset.unit,
        train_tokens=len(dataset.train),
        valid_tokens=len(dataset.valid),
        device=str(trainer.device),
        notes=tuple(filter(None, notes)),
    )


def count_floor(trainer: Trainer, found: list[Event]) -> None:
    """Put the floor into `found`, from a thread: its seconds of work must not hold up training."""
    threading.Thread(target=_count, args=(trainer, found), name="seqstudio-floor").start()


def _count(trainer: Trainer, found: list[Event]) -> None:
    try:
        best = floor(trainer.dataset)
    except (SeqError, OSError, MemoryError, ValueError) as error:
        found.append(Failed("The floor was not counted", str(error), "", fatal=False))
        return
    found.append(facts(trainer, best.name, best.value))


def not_halved(trainer: Trainer) -> str:
    """Return why float16 is not used though asked for, "" when nobody asked or it is."""
    asked = trainer.project.training.precision == "float16" and trainer.device.type != "cuda"
    return f"float16 needs a CUDA device: {trainer.device} trains in float32" if asked else ""


def first_trial(settings: TrainingSettings, device: torch.device) -> Trial:
    """Return the trial of the first steps that the settings leave open on this device."""
    most = cores()
    threads = (settings.threads,) if settings.threads else tuple(dict.fromkeys((most, 1)))
    if device.type != "cpu":
        threads = threads[:1]
    precisions = _precisions(settings.precision, device)
    return Trial(precisions, threads, compiled=settings.compile)


def _precisions(wanted: str, device: torch.device) -> tuple[str, ...]:
    if device.type == "mps" or (wanted == "float16" and device.type != "cuda"):
        return ("float32",)
    return ("bfloat16", "float32") if wanted == "auto" else (wanted,)
