"""The models that are measured: the same one as a project of ours and as plain PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from seqstudio.bench.peers import NanoLoop, PlainGPT, PlainLoop, PlainRecurrent, copy_weights
from seqstudio.blocks.templates import make
from seqstudio.data.dataset import Dataset
from seqstudio.data.facts import facts_of
from seqstudio.data.sources import open_dataset
from seqstudio.document.param import Value
from seqstudio.document.project import Project, project_text
from seqstudio.document.settings import SamplingSettings, TrainingSettings
from seqstudio.engine.model import GraphModel
from seqstudio.engine.trainer import Trainer
from seqstudio.records.messages import Event, Start
from seqstudio.records.readings import Metrics

KINDS = ("lstm", "gru", "rnn", "gpt")
CELLS: Mapping[str, type[nn.RNNBase]] = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}
STEADY: Mapping[str, Value] = {
    "budget": "steps",
    "steps": 100_000_000,
    "schedule": "constant",
    "learning_rate": 1e-3,
}


@dataclass(frozen=True)
class Sizes:
    """Sizes of the measured models.

    Attributes:
        embedding: Width of the input vectors of recurrent models.
        hidden: Units of a recurrent layer.
        layers: Recurrent layers.
        batch: Rows of recurrent models.
        window: Steps of recurrent models.
        width: Width of the GPT.
        blocks: Blocks of the GPT.
        heads: Heads of the GPT.
        gpt_batch: Rows of the GPT.
        context: Steps of the GPT.
        dropout: Share on the output of recurrent models.
    """

    embedding: int = 64
    hidden: int = 256
    layers: int = 2
    batch: int = 32
    window: int = 128
    width: int = 128
    blocks: int = 4
    heads: int = 4
    gpt_batch: int = 12
    context: int = 64
    dropout: float = 0.2

    def words(self, kind: str) -> str:
        """Return the sizes of a kind in words."""
        if kind == "gpt":
            return f"{self.blocks} × {self.width}, {self.gpt_batch} rows of {self.context}"
        return f"{self.layers} × {self.hidden}, {self.batch} rows of {self.window}"


def make_project(kind: str, sizes: Sizes, **training: Value) -> Project:
    """Return the project of a kind ("lstm", "gru", "rnn", "gpt") in these sizes.

    It trains at a constant rate without end and writes samples of one token.
    """
    project = make(f"char-{kind}")
    graph = project.graph
    for block in graph:
        changed = {**block.params, **_params(block.kind, kind, sizes)}
        graph = graph.with_block(replace(block, params=changed))
    size = (
        {"batch": sizes.gpt_batch, "window": sizes.context}
        if kind == "gpt"
        else {"batch": sizes.batch, "window": sizes.window}
    )
    settings = {**project.training.as_dict(), **STEADY, **size, **training}
    return replace(
        project,
        graph=graph,
        training=TrainingSettings.parse(settings),
        sampling=SamplingSettings.parse({"length": 1}),
    )


def _params(block: str, kind: str, sizes: Sizes) -> dict[str, Value]:
    recurrent: dict[str, Value] = {"hidden": sizes.hidden, "layers": sizes.layers}
    known: dict[str, dict[str, Value]] = {
        "embedding": {"width": sizes.width if kind == "gpt" else sizes.embedding},
        "dropout": {"share": sizes.dropout},
        "transformer": {"layers": sizes.blocks, "heads": sizes.heads},
        **dict.fromkeys(CELLS, recurrent),
    }
    return known.get(block, {})


def text() -> Dataset:
    """Return the built-in text with hardly anything held out: validation shall cost nothing.

    Raises:
        DataError: It is not on this computer.
    """
    dataset = open_dataset(make("char-lstm").data)
    return replace(dataset, valid=dataset.valid[:512].copy())


def ids_of(dataset: Dataset) -> Tensor:
    """Return the training text as int64 ids (N,)."""
    return torch.from_numpy(dataset.train.astype(np.int64))


class OurTrainer:
    """Our trainer, headless, as a side of a comparison.

    Attributes:
        trainer: It.
        losses: Of every step so far.
    """

    def __init__(
        self, project: Project, dataset: Dataset, *, probes: bool, side_work: bool
    ) -> None:
        """Make it.

        Args:
            project: What is trained.
            dataset: What it learns from.
            probes: Whether the gradient and attention probes run.
            side_work: Whether work beside the steps comes due at all.
        """
        self.losses: list[float] = []
        self._side_work = side_work
        start = Start("bench", project_text(project), "", "", device="cpu", probes=probes)
        self.trainer = Trainer(start, project, dataset, self._hear)
        self._tokens = self.trainer.batches.tokens_per_batch

    def _hear(self, event: Event) -> None:
        if isinstance(event, Metrics):
            self.losses.extend(float(loss) for loss in event.loss)

    def step(self) -> int:
        """Do one optimizer step or one slice of side work; return the tokens of the step."""
        if not self._side_work:
            self.trainer.seconds = 0.0  # a clock that stands still: nothing comes due
        before = self.trainer.step
        self.trainer.advance()
        return self._tokens * (self.trainer.step - before)


def make_plain(kind: str, sizes: Sizes, symbols: int) -> nn.Module:
    """Return the plain model of a kind."""
    if kind == "gpt":
        return PlainGPT(symbols, sizes.width, sizes.blocks, sizes.heads, sizes.context)
    return PlainRecurrent(
        CELLS[kind], symbols, sizes.embedding, sizes.hidden, sizes.layers, sizes.dropout
    )


def make_pair(
    kind: str, sizes: Sizes, dataset: Dataset, precision: str, threads: int
) -> tuple[OurTrainer, PlainLoop]:
    """Return our trainer without side work and the plain loop, with equal weights."""
    project = make_project(kind, sizes, precision=precision, threads=threads)
    ours = OurTrainer(project, dataset, probes=False, side_work=False)
    plain = make_plain(kind, sizes, ours.trainer.model.facts.vocabulary)
    copy_weights(ours.trainer.model, plain)
    carry = ours.trainer.carry
    return ours, PlainLoop(plain, ids_of(dataset), project.training, carry=carry)


def nano_step(sizes: Sizes) -> Callable[[], int]:
    """Return the step of the loop of nanoGPT, for a process of its own."""
    project, dataset = make_project("gpt", sizes, precision="float32", threads=1), text()
    torch.manual_seed(0)
    plain = make_plain("gpt", sizes, facts_of(dataset, project.training).vocabulary)
    return NanoLoop(plain, ids_of(dataset), project.training).step


def peer_step(kind: str, sizes: Sizes, precision: str) -> Callable[[], int]:
    """Return the step of the plain loop alone, for a process of its own."""
    return make_pair(kind, sizes, text(), precision, 1)[1].step


def losses_of(ours: OurTrainer, peer: PlainLoop, steps: int) -> tuple[list[float], list[float]]:
    """Let both train for some steps from one seed; return their losses."""
    for side in (ours, peer):
        torch.manual_seed(0)
        for _ in range(steps):
            side.step()
    ours.trainer.flush()
    return ours.losses[:steps], [float(loss) for loss in peer.losses[:steps]]


def writing_models(
    kind: str, sizes: Sizes, dataset: Dataset, spread: float = 3.0
) -> tuple[GraphModel, Any]:
    """Return our model and the plain one with equal weights, in evaluation mode.

    The weights are spread wider than at the start of training: texts then vary.
    """
    torch.manual_seed(0)
    project = make_project(kind, sizes)
    model = GraphModel(project.graph, facts_of(dataset, project.training))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(spread)
    plain = make_plain(kind, sizes, model.facts.vocabulary)
    copy_weights(model, plain)
    return model.eval(), plain.eval()


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Use this number of processor threads inside."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
