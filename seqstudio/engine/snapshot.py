"""What a checkpoint holds: all of a trainer's state, taken apart and put back."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from seqstudio.core.errors import DataError, RunError
from seqstudio.engine import checkpoint as store
from seqstudio.engine.cadence import Setup, Trial
from seqstudio.engine.devices import torch_version
from seqstudio.engine.model import flat_state, nest_state
from seqstudio.engine.optimizing import Plateau

if TYPE_CHECKING:
    from seqstudio.engine.trainer import Trainer


def everything(trainer: Trainer) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors and the plain numbers that an exact continuation needs."""
    learner = trainer.learner
    moments, numbers = store.optimizer_tensors(learner.optimizer)
    tensors = {f"model/{k}": v for k, v in store.model_tensors(trainer.model).items()}
    tensors |= {f"optimizer/{k}": v for k, v in moments.items()}
    carried = flat_state(learner.whole_state() or {})
    tensors |= {f"state/{k}": v.detach().cpu().contiguous() for k, v in carried.items()}
    tensors["random/torch"] = torch.get_rng_state()
    if trainer.device.type == "cuda":
        tensors["random/cuda"] = torch.cuda.get_rng_state(trainer.device)
    return tensors, {**numbers_of(trainer), "optimizer": numbers}


def numbers_of(trainer: Trainer) -> dict[str, Any]:
    """Return the plain numbers: counters, live settings, places in the data, hashes."""
    return {
        "step": trainer.step,
        "seconds": trainer.seconds,
        "tokens": trainer.tokens,
        **_course(trainer),
        "best": _number(trainer.best),
        "best_step": trainer.best_step,
        "data": trainer.batches.position(),
        "data_hash": trainer.dataset.content_hash,
        "graph_hash": store.fingerprint(trainer.project.graph),
        "device": str(trainer.device),
        "precision": trainer.setup.precision,
        "threads": trainer.setup.threads,
        "compiled": trainer.setup.compiled,
        "trial_over": trainer.trial.over,
        "torch": torch_version(),
    }


def restore(trainer: Trainer, saved: store.Checkpoint) -> None:
    """Put a checkpoint back into a new trainer of the same project.

    Raises:
        RunError: It is of another graph.
        DataError: The data have changed since.
    """
    meta = saved.meta
    if meta["graph_hash"] != store.fingerprint(trainer.project.graph):
        raise RunError(
            "The graph has changed since this run was saved",
            "its weights belong to another model",
            "Undo the change, or start a new run",
        )
    if meta["data_hash"] != trainer.dataset.content_hash:
        raise DataError(
            "The data have changed since this run was saved",
            f"{trainer.dataset.title} is not the same any more",
            "Put the old data back, or start a new run",
        )
    learner = trainer.learner
    store.load_model(learner.model, saved.part("model"))
    _take_course(trainer, meta)
    store.restore_optimizer(learner.optimizer, saved.part("optimizer"), meta["optimizer"])
    flat = {k: v.to(trainer.device) for k, v in saved.part("state").items()}
    learner.take_state(nest_state(flat, learner.model) if flat else None)
    learner.batches.seek(meta["data"])
    torch.set_rng_state(saved.tensors["random/torch"])
    if trainer.device.type == "cuda" and "random/cuda" in saved.tensors:
        torch.cuda.set_rng_state(saved.tensors["random/cuda"], trainer.device)
    learner.step, trainer.tokens = saved.step, int(meta["tokens"])
    trainer.seconds = float(meta["seconds"])
    trainer.best = math.inf if meta["best"] is None else float(meta["best"])
    trainer.best_step = int(meta["best_step"])
    if meta["trial_over"]:
        compiled = bool(meta.get("compiled", False))
        setup = Setup(str(meta["precision"]), int(meta["threads"]), compiled)
        trainer.settle(Trial.settled(setup))


def _course(trainer: Trainer) -> dict[str, Any]:
    """Return what steers the steps to come: live settings, validations so far, scaler."""
    learner = trainer.learner
    live = {p.name: getattr(learner.settings, p.name) for p in learner.settings.PARAMS if p.live}
    plateau = learner.plateau
    return {
        "live": live,
        "temperature": trainer.temperature,
        "validated": trainer.validated,
        "waited": trainer.waited,
        "plateau": [_number(plateau.best), plateau.waited, plateau.factor],
        "scaler": learner.scaler.state_dict(),
    }


def _take_course(trainer: Trainer, meta: dict[str, Any]) -> None:
    """Put it back; a checkpoint of an older program knows learning rate and clip norm only."""
    learner = trainer.learner
    live = meta.get("live") or {"learning_rate": meta["rate"], "clip": meta["clip"]}
    settings = learner.settings
    for name, value in live.items():
        settings = settings.with_value(name, value)
    learner.take_settings(settings)
    trainer.temperature = float(meta.get("temperature", trainer.temperature))
    trainer.validated, trainer.waited = int(meta.get("validated", 0)), int(meta.get("waited", 0))
    best, waited, factor = meta.get("plateau", [None, 0, 1.0])
    learner.plateau = Plateau(math.inf if best is None else best, waited, factor)
    if meta.get("scaler"):
        learner.scaler.load_state_dict(meta["scaler"])


def _number(value: float) -> float | None:
    return None if math.isinf(value) else value
