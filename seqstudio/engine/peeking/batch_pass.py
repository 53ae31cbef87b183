"""One batch sent through a model, with what left every port.

Shape legend: B rows, T time steps, C features.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from seqstudio.blocks.check import Report, bypass_input, title_of
from seqstudio.blocks.declaration import DataFacts
from seqstudio.blocks.plan import Ref
from seqstudio.core.errors import SeqError
from seqstudio.data.dataset import Dataset
from seqstudio.document.graph import Graph, Path
from seqstudio.engine.circuit import Circuit, Values, plainly
from seqstudio.engine.inputs import Inputs
from seqstudio.engine.model import GraphModel
from seqstudio.records.peek import PeekAt, Peeked, PeekFailed

if TYPE_CHECKING:
    pass

from seqstudio.engine.peeking.quiet import own_random_numbers
from seqstudio.engine.peeking.telling import told

FRESH_S = 0.5  # a run that goes on is not looked at more often than this,
REST = 50  # and rests this many times as long as a look took: 2 % of the time at most
_HINT = "Open the block: its settings do not fit what arrives there"


@dataclass
class BatchPass:
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

    def carry_out(self, before: BatchPass | None, device: torch.device) -> None:
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
        return told(wish, self, value, shape, notes)

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
