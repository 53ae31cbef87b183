"""Which model a wish to look at a wire is answered with, and which pass of a batch."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path as FilePath
from typing import TYPE_CHECKING

import torch

from seqstudio.blocks.check import check
from seqstudio.blocks.declaration import DataFacts
from seqstudio.core.errors import GraphError, SeqError
from seqstudio.data.dataset import Dataset
from seqstudio.data.facts import facts_of
from seqstudio.data.sources import open_dataset
from seqstudio.document.graph import Graph, Path
from seqstudio.document.project import Project, parse_project
from seqstudio.document.settings import DataSettings
from seqstudio.engine import checkpoint as store
from seqstudio.engine.batches import Batches
from seqstudio.engine.inputs import Inputs, as_inputs
from seqstudio.engine.model import GraphModel
from seqstudio.engine.opening import carry_over
from seqstudio.records.peek import PeekAt, Peeked, PeekFailed

if TYPE_CHECKING:
    from seqstudio.engine.trainer import Trainer

from seqstudio.engine.peeking.batch_pass import BatchPass
from seqstudio.engine.peeking.quiet import one_thread, own_random_numbers

STEPS_MEASURED = 512  # rows times time steps: a forward pass of a few milliseconds
LEAST_ROWS = 2


class Peeker:
    """Answers wishes to see what flows; keeps the last batch and all that came of it."""

    def __init__(self) -> None:
        self._project: tuple[str, Project] | None = None
        self._dataset: tuple[tuple[DataSettings, str], Dataset] | None = None
        self._inputs: tuple[tuple[object, ...], Inputs] | None = None
        self._run: BatchPass | None = None

    def look(
        self, wish: PeekAt, trainer: Trainer | None = None, running: bool = False
    ) -> Peeked | PeekFailed:
        """Return what leaves the port of a wish; whatever goes wrong is part of the answer.

        Args:
            wish: What to look at.
            trainer: The run at hand; its weights are used where it trains this graph.
            running: It is stepping now: values of a moment ago do, and say their step.
        """
        began = time.perf_counter()
        try:
            with one_thread():
                project = self._read(wish.project)
                answer = self._run_for(project, wish, trainer, running).seen(wish)
            return replace(answer, cost_s=time.perf_counter() - began)
        except SeqError as error:
            return PeekFailed(
                wish.request, wish.path, wish.block, error.what, error.why, error.hint
            )
        except Exception as error:  # noqa: BLE001  whatever a model raises is told on the block
            first = str(error).partition("\n")[0]
            why = f"{type(error).__name__}: {first}"
            what = "What flows here cannot be shown"
            return PeekFailed(wish.request, wish.path, wish.block, what, why, "")

    def forget(self) -> None:
        """Let go of the batch and of all that came of it."""
        self._run = self._inputs = self._dataset = None

    # What to run

    def _read(self, text: str) -> Project:
        if self._project is None or self._project[0] != text:
            self._project = text, parse_project(text)
        return self._project[1]

    def _run_for(
        self, project: Project, wish: PeekAt, trainer: Trainer | None, running: bool
    ) -> BatchPass:
        dataset = self._data(project, wish.base, trainer)
        inputs = self._batch(project, dataset)
        if trainer is not None and trains_graph(trainer, project):
            return self._live(project, inputs, trainer, running)
        return self._still(project, wish, dataset, inputs, trainer, running)

    def _data(self, project: Project, base: str, trainer: Trainer | None) -> Dataset:
        if trainer is not None and trainer.project.data == project.data:
            return trainer.dataset
        key = project.data, base
        if self._dataset is None or self._dataset[0] != key:
            opened = open_dataset(project.data, FilePath(base) if base else None)
            self._dataset = key, opened
        return self._dataset[1]

    def _batch(self, project: Project, dataset: Dataset) -> Inputs:
        training = project.training
        key = (dataset, training.batch, training.window, training.seed)
        if self._inputs is None or self._inputs[0] != key:
            steps = facts_of(dataset, training).window
            rows = max(LEAST_ROWS, STEPS_MEASURED // max(1, steps))
            few = replace(training, batch=min(training.batch, rows))
            batch = Batches(dataset, few, carry=False, device=torch.device("cpu")).next()
            self._inputs = key, as_inputs(batch.inputs)
        return self._inputs[1]

    def _live(
        self, project: Project, inputs: Inputs, trainer: Trainer, running: bool
    ) -> BatchPass:
        """Return the batch sent through the model that trains."""
        run, now = self._run, time.monotonic()
        if run is not None and run.model is trainer.model and run.inputs is inputs:
            run.graph = project.graph  # titles and places may be others
            if run.step == trainer.step or now - run.at_s < run.rest_s * running:
                return run
        facts = facts_of(trainer.dataset, project.training)
        words = f"step {trainer.step:,}" if trainer.step else untrained(trainer.project)
        self._run = BatchPass(project.graph, trainer.model, trainer.dataset, facts, inputs, words,
                         trainer.step, now)  # fmt: skip
        self._run.carry_out(None, trainer.device)
        return self._run

    def _still(
        self, project: Project, wish: PeekAt, dataset: Dataset, inputs: Inputs,
        trainer: Trainer | None, running: bool,
    ) -> BatchPass:  # fmt: skip
        """Return the batch sent through a model of its own, with weights that are lent to it."""
        facts, began = facts_of(dataset, project.training), time.monotonic()
        part = graph_for(project.graph, facts, wish)
        lender = trainer if trainer is not None and trainer.dataset is dataset else None
        key = (
            wish.folder,
            project.training.seed,
            id(lender.model) if lender and lender.step else 0,
        )
        old = self._run
        if old is not None and old.inputs is inputs and old.key == key and old.facts == facts:
            same = project.with_graph(part).trains_like(project.with_graph(old.graph))
            if same and (lender is None or _does(old, lender, running)):
                old.graph = part
                return old
        model, words, step = _still_model(project, part, facts, wish.folder, lender)
        run = BatchPass(part, model, dataset, facts, inputs, words, step, began, key)
        run.carry_out(old if old is not None and old.key else None, torch.device("cpu"))
        run.took_s = time.monotonic() - began
        self._run = run
        return run


def _does(run: BatchPass, lender: Trainer, running: bool) -> bool:
    """Tell whether values are new enough: they need no weights of the lender, or its present."""
    fresh = time.monotonic() - run.at_s < run.rest_s * running
    return fresh or run.step in {0, lender.step}


def trains_graph(trainer: Trainer, project: Project) -> bool:
    """Tell whether a trainer trains the graph of a project, on its data."""
    mine = trainer.project
    return mine.data == project.data and mine.with_graph(project.graph).trains_like(mine)


def untrained(project: Project) -> str:
    """Return in words which weights a run of a project starts with."""
    return f"untrained weights, seed {project.training.seed}"


def graph_for(graph: Graph, facts: DataFacts, wish: PeekAt) -> Graph:
    """Return the graph if it is whole, else the part of it that leads to the wished block.

    Raises:
        GraphError: That part has an error, too.
    """
    report = check(graph, facts)
    if report.playable:
        return graph
    outer = wish.path[0] if wish.path else wish.block
    if outer not in graph.blocks:
        raise GraphError("The block is gone", "", "")
    part = graph.without_blocks(set(graph.blocks) - graph.upstream({outer}))
    for problem in check(part, facts).errors:
        if problem.block:
            why = " ".join(filter(None, (problem.what, problem.why)))
            raise GraphError("Nothing flows here yet", why, problem.hint)
    return part


def _built(project: Project, graph: Graph, facts: DataFacts) -> GraphModel:
    """Return a model with the weights that a run would start with."""
    with own_random_numbers():
        torch.default_generator.manual_seed(project.training.seed)
        return GraphModel(graph, facts, whole=graph is project.graph)


def _still_model(
    project: Project, graph: Graph, facts: DataFacts, folder: str, lender: Trainer | None
) -> tuple[GraphModel, str, int]:
    """Return a model, which weights it has in words, and their step.

    The trainer lends its weights to the same model with blocks opened, a checkpoint to the same.
    """
    model = _built(project, graph, facts)
    if lender is not None and lender.step:
        if not carry_over(lender.model, model).fresh:
            return model, f"step {lender.step:,}", lender.step
        model = _built(project, graph, facts)
    if folder:
        try:
            saved = store.load_latest(FilePath(folder))
            store.load_model(model, saved.part("model"))
        except SeqError:  # of another graph, or no checkpoint yet
            return model, untrained(project), 0
        return model, f"step {saved.step:,}", saved.step
    return model, untrained(project), 0


def every_wire(project: Project, base: FilePath | None) -> list[Peeked | PeekFailed]:
    """Return what flows on every wire of a project, inside of blocks too, untrained.

    Raises:
        SeqError: The data cannot be used.
    """
    from seqstudio.document.project import project_text

    peeker, text = Peeker(), project_text(project)
    return [
        peeker.look(PeekAt(0, text, str(base or ""), path, block, port))
        for path, block, port in _sources((), project.graph)
    ]


def _sources(path: Path, graph: Graph) -> Iterator[tuple[Path, str, str]]:
    wired = {(wire.source, wire.out) for wire in graph.wires}
    for key, block in graph.blocks.items():
        yield from ((path, key, port) for source, port in sorted(wired) if source == key)
        if block.inside is not None:
            yield from _sources((*path, key), block.inside)
