"""dL/dh_t at every step of training: ours on fused kernels, against unrolled cells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from seqstudio.bench.apart import Elsewhere
from seqstudio.bench.peers import UnrolledLoop, UnrolledRecurrent, copy_weights, first_batch
from seqstudio.bench.results import NONE, Row
from seqstudio.bench.rounds import CPU, Comparison, Step, here, in_turns
from seqstudio.bench.subjects import Sizes, ids_of, make_project, text, threads
from seqstudio.core.allocation import keep_freed_memory
from seqstudio.core.errors import RunError
from seqstudio.data.dataset import Dataset
from seqstudio.data.facts import facts_of
from seqstudio.document.project import Project
from seqstudio.engine.beside import PROBED_ROWS
from seqstudio.engine.model import GraphModel
from seqstudio.engine.optimizing import make_optimizer
from seqstudio.engine.probes import StepTap

CELLS: Mapping[str, type[nn.RNNCellBase]] = {
    "lstm": nn.LSTMCell,
    "gru": nn.GRUCell,
    "rnn": nn.RNNCell,
}
GOALS = {"lstm": 1.5, "rnn": 1.6}
TOLERANCE = 1e-3


class TappedLoop:
    """Training with our model that shows dL/dh_t at every step, over some rows of the batch.

    Attributes:
        norms: (layers, T), as `UnrolledLoop.norms`.
    """

    def __init__(self, project: Project, dataset: Dataset, rows: int) -> None:
        self.rows = rows
        self.settings = project.training
        torch.manual_seed(0)
        self.model = GraphModel(project.graph, facts_of(dataset, project.training))
        self.optimizer = make_optimizer(self.model, self.settings)
        self.ids = ids_of(dataset)
        self.norms = np.zeros((0, 0))

    def step(self) -> int:
        """Do one optimizer step; return its tokens."""
        x, y = first_batch(self.ids, self.settings)
        with StepTap(self.model, every=self.rows > PROBED_ROWS) as tap:
            outputs, _ = self.model(x)
            self.model.losses(outputs, y).mean().backward()  # type: ignore[no-untyped-call]
        tap.collect(self.rows)
        reading = tap.reading(0, (), float(y.numel()), x.shape[1])
        self.norms = np.stack([layer.total_h for layer in reading.layers])
        nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.clip)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return x.numel()


def make_loops(
    kind: str, sizes: Sizes, dataset: Dataset, rows: int
) -> tuple[TappedLoop, UnrolledLoop]:
    """Return both loops with equal weights, looking at `rows` rows.

    Without dropout, as the unrolled model has none.
    """
    project = make_project(kind, sizes, precision="float32", threads=1)
    ours = TappedLoop(project, dataset, rows)
    plain = UnrolledRecurrent(
        CELLS[kind], ours.model.facts.vocabulary, sizes.embedding, sizes.hidden, sizes.layers
    )
    copy_weights(ours.model, plain)
    return ours, UnrolledLoop(plain, ours.ids, project.training, rows)


def bench_gradflow(
    seconds: float, kinds: Sequence[str] = ("lstm", "gru", "rnn"), sizes: Sizes | None = None
) -> Iterator[Row]:
    """Measure tokens a CPU second while both show the gradient by every state.

    Raises:
        RunError: The two do not show the same.
    """
    dataset, chosen = text(), replace(sizes or Sizes(), dropout=0.0)
    share = seconds / (2 * len(kinds))
    keep_freed_memory()  # as a trainer process does; the peer runs in a process of its own
    with threads(1), Elsewhere() as elsewhere:
        for kind in kinds:
            for rows in (chosen.batch, PROBED_ROWS):
                ours, peer = make_loops(kind, chosen, dataset, rows)
                apart = _alike(kind, ours, peer)
                elsewhere.make(unrolled_step, kind, chosen, rows)
                found = in_turns(here(ours.step, CPU), elsewhere.side(1, "cpu"), share)
                yield _row(found, kind, chosen, apart, whole=rows == chosen.batch)


def unrolled_step(kind: str, sizes: Sizes, rows: int) -> Step:
    """Return the step of the unrolled loop alone, for a process of its own."""
    return make_loops(kind, sizes, text(), rows)[1].step


def _alike(kind: str, ours: TappedLoop, peer: UnrolledLoop) -> float:
    for loop in (ours, peer):
        loop.step()
    apart = relative(ours.norms, peer.norms.numpy())
    if not apart <= TOLERANCE:
        raise RunError(
            f"Ours and the unrolled {kind} show different gradients",
            f"norms differ by {apart:.2g} of their size",
            "The speeds would compare different things",
        )
    return apart


def _row(found: Comparison, kind: str, sizes: Sizes, apart: float, *, whole: bool) -> Row:
    looked = (
        "norms over the whole batch" if whole else f"over {PROBED_ROWS} rows, as in the window"
    )
    note = f"norms differ by {apart:.1g} of their size"
    goal = GOALS.get(kind, NONE) if whole else NONE
    return found.row(f"{kind} {sizes.words(kind)}, {looked}", "tokens/CPU-s", goal, note)


def relative(ours: np.ndarray, peer: np.ndarray) -> float:
    """Return the largest difference as a share of the largest size; infinite for other shapes."""
    if ours.shape != peer.shape or not peer.size:
        return float("inf")
    return float(np.abs(ours - peer).max() / np.abs(peer).max())
