"""What flows on each wire, from one real batch: values, their statistics and a small picture.

The weights are those of the trainer where it trains this very graph, else those of a run's last
checkpoint, else the untrained ones that a run would start with. Nothing here changes a model, its
mode or the random numbers of a run. Shape legend: B rows, T time steps, C features.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seqstudio.blocks.check import Report, bypass_input, check, title_of
from seqstudio.blocks.declaration import DataFacts, Shape
from seqstudio.blocks.plan import Ref
from seqstudio.core.errors import GraphError, SeqError
from seqstudio.data.dataset import Dataset
from seqstudio.data.facts import facts_of
from seqstudio.data.sources import open_dataset
from seqstudio.document.graph import Graph, Path
from seqstudio.document.project import Project, parse_project
from seqstudio.document.settings import DataSettings
from seqstudio.engine import checkpoint as store
from seqstudio.engine.batches import Batches
from seqstudio.engine.circuit import Circuit, Values, plainly
from seqstudio.engine.inputs import Inputs, as_inputs
from seqstudio.engine.model import GraphModel
from seqstudio.engine.opening import carry_over
from seqstudio.records.peek import Look, PeekAt, Peeked, PeekFailed

if TYPE_CHECKING:
    from seqstudio.engine.trainer import Trainer

STEPS_MEASURED = 512  # rows times time steps: a forward pass of a few milliseconds
LEAST_ROWS = 2
FRESH_S = 0.5  # a run that goes on is not looked at more often than this,
REST = 50  # and rests this many times as long as a look took: 2 % of the time at most
WIDE, HIGH = 128, 64  # numbers of a picture at most
MOST_TOKENS = 64
_HINT = "Open the block: its settings do not fit what arrives there"


class Peeker:
    """Answers wishes to see what flows; keeps the last batch and all that came of it."""

    def __init__(self) -> None:
        self._project: tuple[str, Project] | None = None
        self._dataset: tuple[tuple[DataSettings, str], Dataset] | None = None
        self._inputs: tuple[tuple[object, ...], Inputs] | None = None
        self._run: _Run | None = None

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
    ) -> _Run:
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

    def _live(self, project: Project, inputs: Inputs, trainer: Trainer, running: bool) -> _Run:
        """Return the batch sent through the model that trains."""
        run, now = self._run, time.monotonic()
        if run is not None and run.model is trainer.model and run.inputs is inputs:
            run.graph = project.graph  # titles and places may be others
            if run.step == trainer.step or now - run.at_s < run.rest_s * running:
                return run
        facts = facts_of(trainer.dataset, project.training)
        words = f"step {trainer.step:,}" if trainer.step else untrained(trainer.project)
        self._run = _Run(project.graph, trainer.model, trainer.dataset, facts, inputs, words,
                         trainer.step, now)  # fmt: skip
        self._run.carry_out(None, trainer.device)
        return self._run

    def _still(
        self, project: Project, wish: PeekAt, dataset: Dataset, inputs: Inputs,
        trainer: Trainer | None, running: bool,
    ) -> _Run:  # fmt: skip
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
        run = _Run(part, model, dataset, facts, inputs, words, step, began, key)
        run.carry_out(old if old is not None and old.key else None, torch.device("cpu"))
        run.took_s = time.monotonic() - began
        self._run = run
        return run


def _does(run: _Run, lender: Trainer, running: bool) -> bool:
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


@contextmanager
def one_thread() -> Iterator[None]:
    """Use one processor thread: a few rows are sooner done than more threads are woken."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def own_random_numbers() -> Iterator[None]:
    """Leave the random numbers of a run on this thread as they are."""
    before = torch.get_rng_state()
    try:
        yield
    finally:
        torch.set_rng_state(before)


# ------------------------------------------------------------------------------------ running


@dataclass
class _Run:
    """One batch sent through a model.

    Attributes:
        graph: What the person drew, or the part of it that runs.
        model: What it was sent through.
        dataset: Where the batch is from.
        facts: Facts about the data.
        inputs: The batch.
        words: Which weights, in words.
        step: Their optimizer step.
        at_s: When, in the seconds of the monotonic clock.
        key: What the weights depend on beside the graph; None for a model that trains.
        values: What left every port, a snapshot each time that a graph ran, by its path.
        failed: Where and why it stopped, None when it did not.
        took_s: Seconds that it took.
    """

    graph: Graph
    model: GraphModel
    dataset: Dataset
    facts: DataFacts
    inputs: Inputs
    words: str
    step: int
    at_s: float
    key: tuple[str, int, int] | None = None
    values: dict[Path, list[Values]] = field(default_factory=dict)
    failed: tuple[Path, str, Exception] | None = None
    took_s: float = 0.0

    @property
    def rest_s(self) -> float:
        """Seconds for which these values do while the weights move on."""
        return max(FRESH_S, REST * self.took_s)

    def carry_out(self, before: _Run | None, device: torch.device) -> None:
        """Send the batch through; take over from an earlier run what an edit left as it was."""
        watch = _Watch(self.model)
        if before is not None and before.inputs is self.inputs and before.failed is None:
            watch.take_over(before.values, _unchanged(before.model, self.model))
        trained, began = self.model.training, time.perf_counter()
        self.model.eval()
        try:
            with torch.no_grad(), own_random_numbers(), watch.watching():
                self.model.trace(self.inputs.to(device))
        except Exception as error:  # noqa: BLE001  it is told where a person looks at it
            path, block = watch.place()
            self.failed = path, block, error
        finally:
            self.model.train(trained)
        self.values, self.took_s = watch.values, time.perf_counter() - began

    def seen(self, wish: PeekAt) -> Peeked | PeekFailed:
        """Return what leaves the port of a wish."""
        report = _report_at(self.model.report, wish.path)
        graph = self.graph.at(wish.path)
        ref = _source(graph, (wish.block, wish.port))
        found = _gathered(self.values.get(wish.path, []), ref, report.home == "cell")
        if found is None:
            return self._failure(wish)
        value, stacked = found
        shape = report.shapes.get(ref)
        axis = report.axis or "T"
        if shape is not None and stacked:
            shape = shape.with_axis(axis)
        few, rows = len(self.inputs), self.facts.batch
        notes = [f"{few} of the {rows} rows measured"] if few < rows else []
        if report.home == "cell":
            notes.append("every step of the cell" if stacked else "the same at every step")
        return _told(wish, self, value, shape, notes)

    def _failure(self, wish: PeekAt) -> PeekFailed:
        if self.failed is None:
            what = "Nothing flows here"
            why = "no wire leads from it to the end of the model"
            return PeekFailed(wish.request, wish.path, "", what, why, "Wire it")
        path, block, error = self.failed
        if isinstance(error, SeqError):
            return PeekFailed(wish.request, path, block, error.what, error.why, error.hint)
        title = title_of(self.graph.at(path).blocks[block]) if block else "The model"
        first = str(error).partition("\n")[0]
        return PeekFailed(
            wish.request, path, block, f"{title} fails on a real batch",
            f"{type(error).__name__}: {first}", _HINT,
        )  # fmt: skip


class _Watch:
    """Writes down what leaves every port while a model runs, in the graphs inside too."""

    def __init__(self, model: GraphModel) -> None:
        self._circuits = dict(_circuits((), model))
        self._kept: frozenset[str] = frozenset()
        self._earlier: Values = {}
        self._at: nn.Module | None = None
        self.values: dict[Path, list[Values]] = {path: [] for path in self._circuits}

    def take_over(self, earlier: Mapping[Path, Sequence[Values]], kept: frozenset[str]) -> None:
        """Use the values of blocks that are as they were; these blocks do not run again."""
        self._kept = kept
        for snapshot in earlier.get((), ()):
            self._earlier |= {ref: v for ref, v in snapshot.items() if ref[0] in self._kept}
        for path, snapshots in earlier.items():
            if path and path[0] in self._kept:
                self.values[path] = list(snapshots)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch inside."""
        for path, circuit in self._circuits.items():
            circuit.__dict__["run"] = self._watched(path, circuit)
        try:
            yield
        finally:
            for circuit in self._circuits.values():
                del circuit.__dict__["run"]

    def _watched(self, path: Path, circuit: Circuit) -> Callable[..., Any]:
        plain = circuit.run

        def run(
            nodes: Any, values: Values, before: Any, after: Any, lengths: Any,
            call: Callable[..., Any] = plainly,
        ) -> Any:  # fmt: skip
            self.values[path].append(values)
            if not path and self._earlier:
                values.update(self._earlier)
                nodes = [node for node in nodes if node.block not in self._kept]
            return plain(nodes, values, before, after, lengths, self._noted(call))

        return run

    def _noted(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def noted(module: nn.Module, *args: Any, **named: Any) -> Any:
            self._at = module
            return call(module, *args, **named)

        return noted

    def place(self) -> tuple[Path, str]:
        """Return the path and the id of the block that ran last."""
        for path, circuit in self._circuits.items():
            for node in circuit.nodes:
                if circuit.blocks[node.name] is self._at:
                    return path, node.block
        return (), ""


def _circuits(path: Path, circuit: Circuit) -> Iterator[tuple[Path, Circuit]]:
    yield path, circuit
    for node in circuit.nodes:
        module = circuit.blocks[node.name]
        if isinstance(module, Circuit):
            yield from _circuits((*path, node.block), module)


def _unchanged(old: GraphModel, new: GraphModel) -> frozenset[str]:
    """Return the blocks that give what they gave: same block, same weights, same sources."""
    before = {node.block: node for node in old.nodes}
    same: set[str] = set()
    for node in new.nodes:
        sources_same = all(source in same for source in node.sources)
        if sources_same and before.get(node.block) == node:
            mine, other = new.blocks[node.name], old.blocks[node.name]
            if _same_weights(mine.state_dict(), other.state_dict()):
                same.add(node.block)
    return frozenset(same)


def _same_weights(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(
        (value.shape, value.device) == (other[key].shape, other[key].device)
        and torch.equal(value, other[key])
        for key, value in one.items()
    )


def _report_at(report: Report, path: Path) -> Report:
    for key in path:
        report = report.inside[key]
    return report


def _source(graph: Graph, ref: Ref) -> Ref:
    """Return where a value comes from: bypassed blocks on the way hand theirs on."""
    block, port = ref
    while graph.blocks[block].mode == "bypass":
        wire = graph.into(block)[bypass_input(graph.blocks[block], port)]
        block, port = wire.source, wire.out
    return block, port


def _gathered(snapshots: Sequence[Values], ref: Ref, in_cell: bool) -> tuple[Any, bool] | None:
    """Return a value and whether it was put together from single time steps, (B, T, ...).

    None when nothing left that port.
    """
    found = [snapshot[ref] for snapshot in snapshots if ref in snapshot]
    if not found:
        return None
    steps = found[1:] if in_cell and len(found) > 1 and ref in snapshots[0] else found
    if all(value is steps[0] for value in steps):
        return steps[0], False
    if not isinstance(steps[0], Tensor):
        return steps[-1], False
    return torch.stack(steps, 1), True


# ------------------------------------------------------------------------------------ telling


def _told(wish: PeekAt, run: _Run, value: Any, shape: Shape | None, notes: list[str]) -> Peeked:
    parts = [part.detach() for part in _tensors(value)]
    first = parts[0]
    real = [_without_padding(part, shape, run.inputs) for part in parts]
    mean, spread, low, high, zeros, bad = statistics(real)
    names = _names(shape, first)
    tokens = _tokens(first, shape, run) if _is_ids(first) else ()
    look, picture, how = _picture(parts, shape, names, run.inputs)
    return Peeked(
        request=wish.request,
        path=wish.path,
        block=wish.block,
        port=wish.port,
        weights=run.words,
        names=names,
        sizes=_sizes(first, names, run.facts),
        dtype=str(first.dtype).removeprefix("torch."),
        mean=mean,
        spread=spread,
        low=low,
        high=high,
        zeros=zeros,
        bad=bad,
        look=look,
        picture=picture,
        tokens=tokens,
        note=", ".join([*notes, f"{'shown' if tokens else 'picture'}: {how}"] if how else notes),
    )


def statistics(parts: Sequence[Tensor]) -> tuple[float, float, float, float, float, float]:
    """Return mean, spread, least, greatest, share of zeros, share of NaN and infinite numbers.

    The first four are those of the finite numbers, NaN when there are none.
    """
    x = np.concatenate([part.float().cpu().numpy().ravel() for part in parts])
    finite = x[np.isfinite(x)]
    total = max(1, x.size)
    zeros, bad = float((x == 0).sum()) / total, 1.0 - finite.size / total
    if not finite.size:
        return math.nan, math.nan, math.nan, math.nan, zeros, bad
    mean, spread = float(finite.mean(dtype=np.float64)), float(finite.std(dtype=np.float64))
    return mean, spread, float(finite.min()), float(finite.max()), zeros, bad


def _tensors(value: Any) -> list[Tensor]:
    """Return the tensors of a value: one, or all of a state."""
    if isinstance(value, Tensor):
        return [value]
    children = value.values() if isinstance(value, Mapping) else value or ()
    return [tensor for child in children for tensor in _tensors(child)]


def _is_ids(x: Tensor) -> bool:
    return not x.is_floating_point()


def _true_lengths(shape: Shape | None, inputs: Inputs) -> Tensor | None:
    if shape is None or len(shape.dims) < 2 or shape.dims[1] not in ("T", "S"):
        return None
    return inputs.lengths if shape.dims[1] == "T" else inputs.source_lengths


def _without_padding(x: Tensor, shape: Shape | None, inputs: Inputs) -> Tensor:
    """Return the numbers of the true steps only."""
    lengths = _true_lengths(shape, inputs)
    if lengths is None or x.dim() < 2:
        return x
    steps = torch.arange(x.shape[1])
    return x.cpu()[steps < lengths.cpu()[:, None]]


def _names(shape: Shape | None, x: Tensor) -> tuple[str, ...]:
    """Return a name a dimension; where the declaration has a number, what it counts."""
    if shape is None or shape.kind == "state" or len(shape.dims) != x.dim():
        return {3: ("layer", "B", "C"), 2: ("B", "C")}.get(x.dim(), ("",) * x.dim())
    if shape.kind == "picture":
        return ("B", "C", "H", "W")
    last = len(shape.dims) - 1
    return tuple(
        _name(dim) if isinstance(dim, str) else "C" if place == last else "H"
        for place, dim in enumerate(shape.dims)
    )


def _name(dim: str) -> str:
    """Return the name of an axis without its size: "36P" is P."""
    return dim.lstrip("0123456789") if dim.endswith("P") and "+" not in dim else dim


def _sizes(x: Tensor, names: tuple[str, ...], facts: DataFacts) -> tuple[int, ...]:
    """Return the sizes in training: all rows of a batch, not the few that were measured."""
    return tuple(
        facts.batch if name == "B" else size for name, size in zip(names, x.shape, strict=True)
    )


def _tokens(x: Tensor, shape: Shape | None, run: _Run) -> tuple[str, ...]:
    """Return the symbols of the first row."""
    data = run.dataset
    from_source = shape is not None and shape.axis == "S"
    words = data.source_vocabulary if from_source else data.vocabulary
    lengths = _true_lengths(shape, run.inputs)
    row = x[0].flatten()[: MOST_TOKENS if lengths is None else int(lengths[0])][:MOST_TOKENS]
    return tuple(words.symbols[int(i)] if words else str(int(i)) for i in row.cpu())


def _picture(
    parts: Sequence[Tensor], shape: Shape | None, names: tuple[str, ...], inputs: Inputs
) -> tuple[Look, NDArray[np.float32], str]:
    """Return how to draw it, the numbers, and what was left out."""
    x = parts[0].float().cpu()
    if _is_ids(parts[0]):
        return "tokens", np.empty((0, 0), np.float32), "first row"
    if shape is not None and shape.kind == "picture":
        image = x[0].numpy()
        skip = max(1, -(-max(image.shape[1:]) // WIDE))
        return "picture", np.ascontiguousarray(image[:, ::skip, ::skip]), "first row"
    if len(parts) > 1 or (shape is not None and shape.kind == "state"):
        rows = [part.float().cpu().reshape(-1, *part.shape[-2:])[:, 0] for part in parts]
        same = [row for row in rows if row.shape[-1] == rows[0].shape[-1]]
        return "rows", *_small(torch.cat(same).numpy(), "first row")
    lengths = _true_lengths(shape, inputs)
    if x.dim() == 2:
        return "rows", *_small(x.numpy(), "")
    row, how = x[0][: None if lengths is None else int(lengths[0])], "first row"
    while row.dim() > 2:
        row, how = row[0], f"{how}, first of {row.shape[0]}"
    if len(names) > 2 and all(name[-1:] in {"T", "S", "P"} for name in names[-2:]):
        return "matrix", *_small(row.numpy(), how, WIDE)
    return "map", *_small(row.numpy().T, how)


def _small(
    values: NDArray[np.float32], how: str, high: int = HIGH
) -> tuple[NDArray[np.float32], str]:
    """Return a map of at most `high` times `WIDE` cells: the strongest number of each patch."""
    tall, wide = (-(-size // most) for size, most in zip(values.shape, (high, WIDE), strict=True))
    if tall <= 1 and wide <= 1:
        return np.ascontiguousarray(values, np.float32), how
    padding = [(0, -values.shape[0] % tall), (0, -values.shape[1] % wide)]
    full = np.pad(values, padding, mode="edge")
    patches = full.reshape(full.shape[0] // tall, tall, full.shape[1] // wide, wide)
    flat = patches.transpose(0, 2, 1, 3).reshape(patches.shape[0], patches.shape[2], -1)
    strongest = np.abs(np.nan_to_num(flat)).argmax(-1)[..., None]
    small = np.take_along_axis(flat, strongest, -1)[..., 0].astype(np.float32)
    words = f"strongest of every {tall} × {wide}"
    return np.ascontiguousarray(small), f"{how}, {words}" if how else words


# ------------------------------------------------------------------------- without a window


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
