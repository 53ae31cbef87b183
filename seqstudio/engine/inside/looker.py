"""`Looker`: serves wishes to look inside, one slice at a time, so that training goes on."""

from __future__ import annotations

import copy
import time
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from seqstudio.core.errors import RunError, SeqError
from seqstudio.data.dataset import Dataset
from seqstudio.data.facts import facts_of
from seqstudio.data.sources import open_dataset
from seqstudio.document.project import Project, parse_project
from seqstudio.document.settings import DataSettings
from seqstudio.engine import checkpoint as store
from seqstudio.engine.inside import ANSWERS
from seqstudio.engine.inside.subject import Subject
from seqstudio.engine.live_edit import checkpoints_of
from seqstudio.engine.model import GraphModel
from seqstudio.engine.peeking import one_thread, own_random_numbers, untrained
from seqstudio.records.looking import LookAt, Looked, LookFailed

if TYPE_CHECKING:
    from seqstudio.engine.trainer import Trainer

MODELS_KEPT, NUMBERS_KEPT = 4, 20_000_000
_OVER = object()


@dataclass
class _Work:
    wish: LookAt
    answers: Iterator[object]
    step: int
    weights: str
    cost_s: float
    ahead: object = None  # a reading that came right after another one


class Looker:
    """Serves the newest wish of every view, in turns.

    A wish is begun and then carried on by `advance`, a slice at a time. What trains is copied
    first, so whatever an answer does to the model stays with the copy.
    """

    def __init__(self) -> None:
        self._wishes: OrderedDict[str, LookAt] = OrderedDict()
        self._works: OrderedDict[str, _Work] = OrderedDict()
        self._models: OrderedDict[tuple[object, ...], Subject] = OrderedDict()
        self._data: tuple[tuple[DataSettings, str], Dataset] | None = None
        self._projects: OrderedDict[str, Project] = OrderedDict()

    @property
    def busy(self) -> bool:
        """Whether a wish waits or is being served."""
        return bool(self._wishes or self._works)

    def wish(self, wish: LookAt) -> None:
        """Take a wish in; an older one of the same view is given up."""
        self._works.pop(wish.view, None)
        self._wishes[wish.view] = wish

    def forget(self) -> None:
        """Let go of models and data; wishes that are being served begin anew."""
        begun = {view: work.wish for view, work in self._works.items()}
        self._wishes = OrderedDict(begun | self._wishes)
        self._works.clear()
        self._models.clear()
        self._data = None

    def advance(self, trainer: Trainer | None = None) -> Looked | LookFailed | None:
        """Do a slice of the work; return an answer if it brought one.

        Args:
            trainer: The run at hand: its weights and data serve wishes about it.
        """
        began = time.perf_counter()
        view, wish = self._next()
        try:
            with one_thread(), own_random_numbers(), torch.no_grad():
                work = self._works.get(view) or self._begin(wish, trainer)
                reading = _next_of(work)
        except SeqError as error:
            return self._refused(wish, error.what, error.why, error.hint)
        except Exception as error:  # noqa: BLE001  whatever a model raises is told in the panel
            why = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
            return self._refused(wish, "This cannot be shown", why, "")
        work.cost_s += time.perf_counter() - began
        return self._told(view, work, reading)

    def _next(self) -> tuple[str, LookAt]:
        """Return the view whose turn it is, and its wish."""
        if self._wishes:
            return self._wishes.popitem(last=False)
        view, work = next(iter(self._works.items()))
        self._works.move_to_end(view)
        return view, work.wish

    def _told(self, view: str, work: _Work, reading: object) -> Looked | None:
        done = reading is _OVER or work.ahead is _OVER
        if done:
            self._works.pop(view, None)
        if reading is None or reading is _OVER:
            return None
        request, at = work.wish.request, (work.step, work.weights, work.cost_s)
        return Looked(request, view, reading, *at, done=done)

    def _refused(self, wish: LookAt, what: str, why: str, hint: str) -> LookFailed:
        self._works.pop(wish.view, None)
        return LookFailed(wish.request, wish.view, what, why, hint)

    def _begin(self, wish: LookAt, trainer: Trainer | None) -> _Work:
        answer = ANSWERS[type(wish.question)]
        subject = replace(self._subject(wish, trainer), text=wish.text)
        work = _Work(wish, answer(subject, wish.question), subject.step, subject.weights, 0.0)
        self._works[wish.view] = work
        return work

    # Whose weights

    def _subject(self, wish: LookAt, trainer: Trainer | None) -> Subject:
        project = self._read(wish.project)
        folder = Path(wish.folder) if wish.folder else None
        lender = trainer if trainer is not None and trainer.folder == folder and folder else None
        if lender is not None and not 0 <= wish.step < lender.step:
            key: tuple[object, ...] = (wish.folder, lender.step, id(lender.model))
            return self._kept(key) or self._keep(key, _lent(lender))
        name, step = _named(folder, wish.step) if folder else ("", 0)
        key = (wish.folder, name, "" if name else wish.project)
        return self._kept(key) or self._keep(key, self._loaded(wish, project, name, step, lender))

    def _kept(self, key: tuple[object, ...]) -> Subject | None:
        if key in self._models:
            self._models.move_to_end(key)
        return self._models.get(key)

    def _keep(self, key: tuple[object, ...], subject: Subject) -> Subject:
        self._models[key] = subject
        most = max(1, min(MODELS_KEPT, NUMBERS_KEPT // max(1, subject.model.parameter_count())))
        while len(self._models) > most:
            self._models.popitem(last=False)
        return subject

    def _read(self, text: str) -> Project:
        if text not in self._projects:
            self._projects[text] = parse_project(text)
            while len(self._projects) > MODELS_KEPT:
                self._projects.popitem(last=False)
        return self._projects[text]

    def _loaded(
        self, wish: LookAt, project: Project, name: str, step: int, trainer: Trainer | None
    ) -> Subject:
        same = trainer is not None and trainer.project.data == project.data
        dataset = trainer.dataset if trainer is not None and same else self._dataset(project, wish)
        torch.default_generator.manual_seed(project.training.seed)
        model = GraphModel(project.graph, facts_of(dataset, project.training))
        words = untrained(project)
        if name:
            _load(model, store.load_checkpoint(Path(wish.folder), name))
            words = f"step {step:,}"
        return Subject(_rested(model), dataset, project, step, words)

    def _dataset(self, project: Project, wish: LookAt) -> Dataset:
        key = project.data, wish.base
        if self._data is None or self._data[0] != key:
            opened = open_dataset(project.data, Path(wish.base) if wish.base else None)
            self._data = key, opened
        return self._data[1]


def _lent(trainer: Trainer) -> Subject:
    words = f"step {trainer.step:,}" if trainer.step else untrained(trainer.project)
    model = _rested(copy.deepcopy(trainer.model).cpu())
    return Subject(model, trainer.dataset, trainer.project, trainer.step, words)


def _rested(model: GraphModel) -> GraphModel:
    return model.eval().requires_grad_(False)


def _named(folder: Path, step: int) -> tuple[str, int]:
    """Return the newest checkpoint at or before a step, ("", 0) for before the first step."""
    found = checkpoints_of(folder)
    return next(((name, at) for at, name in found if at <= step or step < 0), ("", 0))


def _load(model: GraphModel, saved: store.Checkpoint) -> None:
    if saved.meta.get("graph_hash") != store.fingerprint(model.graph):
        raise RunError(
            f"At step {saved.step:,} the run had another graph",
            "it was edited while it trained",
            "Move the training clock to a later step",
        )
    store.load_model(model, saved.part("model"))


def _next_of(work: _Work) -> object:
    """Return what comes next; after a reading look ahead, to know whether it is the last."""
    reading, work.ahead = work.ahead, None
    if reading is None:
        reading = next(work.answers, _OVER)
    if reading is not None and reading is not _OVER:
        work.ahead = next(work.answers, _OVER)
    return reading
