"""The processes that obey rank 0 of a training by several, see `distributed`."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import torch

from seqstudio.core.errors import DataError
from seqstudio.data.sources import open_dataset
from seqstudio.document.project import parse_project
from seqstudio.engine import distributed
from seqstudio.engine.checkpoint import Checkpoint, load_model, read_tensors
from seqstudio.engine.distributed import SharedLearner
from seqstudio.engine.evaluation import Score
from seqstudio.engine.live_edit import Edit, prepare, put, standing
from seqstudio.engine.ranks import Kind, Order, Ranks
from seqstudio.engine.snapshot import restore
from seqstudio.engine.trainer import Trainer
from seqstudio.records.messages import Start


def follow(ranks: Ranks, base: Path) -> None:
    """Obey rank 0 until it ends.

    Args:
        ranks: This process among the others.
        base: Folder that relative data paths start from, on this machine.

    Raises:
        SeqError: The data or the device are no good here.
        LostError: Another process has ended.
    """
    follower: Follower | None = None
    while True:
        order = ranks.receive()
        if order.kind == Kind.END:
            return
        if order.kind == Kind.BEGIN:
            follower = Follower(ranks, _opened(ranks, order, base))
        elif follower is not None:
            follower.obey(order)


class Follower:
    """Does on this rank what rank 0 does."""

    def __init__(self, ranks: Ranks, trainer: Trainer) -> None:
        self._ranks = ranks
        self._trainer = trainer
        self._before: Edit | None = None  # the edit that came last may be taken back
        self._score = Score()

    @property
    def _learner(self) -> SharedLearner:
        learner = self._trainer.learner
        assert isinstance(learner, SharedLearner)
        return learner

    def obey(self, order: Order) -> None:
        """Carry an order out.

        Raises:
            SeqError: It cannot be done here.
            LostError: Another process has ended.
        """
        match order.kind:
            case Kind.LIVE:
                told = json.loads(self._ranks.receive_bytes(int(order.value)))
                self._learner.set_live(told["name"], told["value"])
            case Kind.EDIT:
                self._edit(self._ranks.receive_bytes(int(order.value)).decode())
            case Kind.BACK if self._before is not None:
                put(self._trainer, self._before)
            case Kind.SCORE:
                self._measure(self._ranks.receive_bytes(int(order.value)))
            case Kind.SUMS:
                self._learner.summed(self._score)
            case _:
                self._learner.obey(order)

    def _edit(self, text: str) -> None:
        trainer = self._trainer
        try:
            self._before = standing(trainer)
            put(trainer, prepare(trainer, parse_project(text)))
        except Exception as error:
            self._ranks.check_in(error)
            raise
        self._ranks.check_in(None)

    def _measure(self, message: bytes) -> None:
        """Measure this rank's held-out rows, with the weights of the message if it brings some."""
        trainer, learner = self._trainer, self._learner
        head, weights = _taken_apart(message)
        model = learner.model
        if weights:
            model = copy.deepcopy(model)
            load_model(model, weights)
        self._score, window = Score(), trainer.project.training.window
        for self._score in learner.score(model, trainer.dataset, window, head["limit"]):
            pass


def _taken_apart(message: bytes) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Return the plain numbers and the tensors of a message, see `with_head`."""
    size = int.from_bytes(message[:8], "little")
    head = json.loads(message[8 : 8 + size])
    return head, read_tensors(message[8 + size :], "what rank 0 sent")


def _opened(ranks: Ranks, order: Order, base: Path) -> Trainer:
    message = ranks.receive_bytes(int(order.value))
    try:
        trainer = _trainer(ranks, message, base)
    except Exception as error:
        ranks.check_in(error)
        raise
    ranks.check_in(None)
    return trainer


def _trainer(ranks: Ranks, message: bytes, base: Path) -> Trainer:
    facts, tensors = _taken_apart(message)
    project = parse_project(facts["project"])
    dataset = open_dataset(project.data, base)
    if dataset.content_hash != facts["data"]:
        raise DataError(
            "The data here are not those of process 0",
            f"{dataset.title} differs",
            "Copy the same file to every machine, or use a shared folder",
        )
    start = Start("", facts["project"], str(base), "", ranks.device(facts["device"]), probes=False)
    make = distributed.sharing(ranks)
    trainer = Trainer(start, project, dataset, lambda _: None, make)
    distributed.fit(trainer)
    if "meta" in facts:
        meta = facts["meta"]
        restore(trainer, Checkpoint(meta["step"], tensors, meta))
    return trainer
