"""Values on wires: what is told equals what the model computes, and nothing of a run changes."""

import dataclasses
import pathlib

import numpy as np
import pytest
import torch
from torch import nn

from seqstudio.blocks.catalogue import KINDS
from seqstudio.blocks.check import check
from seqstudio.blocks.kinds.structure import simple_cell
from seqstudio.blocks.opening import opened
from seqstudio.blocks.templates import make
from seqstudio.data.facts import facts_of
from seqstudio.data.sources import open_dataset
from seqstudio.document.edits import Connect, Disconnect, RemoveBlocks, SetParam
from seqstudio.document.graph import Block, Graph, Wire
from seqstudio.document.project import Project, project_text
from seqstudio.engine.peeking import Peeker, every_wire, statistics
from seqstudio.engine.trainer import Trainer
from seqstudio.records.messages import Start
from seqstudio.records.peek import PeekAt, Peeked, PeekFailed


def wish(project: Project, block: str, port: str = "out", *path: str, folder: str = "") -> PeekAt:
    return PeekAt(7, project_text(project), "", path, block, port, folder)


def seen(answer: Peeked | PeekFailed) -> Peeked:
    assert isinstance(answer, Peeked), answer
    return answer


def failed(answer: Peeked | PeekFailed) -> PeekFailed:
    assert isinstance(answer, PeekFailed)
    return answer


@pytest.fixture
def hello() -> Project:
    return make("hello-rnn")


@pytest.fixture
def trainer(hello: Project, tmp_path: pathlib.Path) -> Trainer:
    start = Start("r", project_text(hello), "", str(tmp_path), probes=False)
    return Trainer.open(start, lambda _: None)


def recurrent(project: Project) -> str:
    return next(block.id for block in project.graph if block.kind == "rnn")


def drawn_cell() -> Project:
    """hello-rnn with a cell drawn by hand in the place of the RNN."""
    project = make("hello-rnn")
    graph, key = project.graph, recurrent(project)
    inside = simple_cell()
    for name in ("gate", "h"):
        inside = inside.with_block(inside.blocks[name].with_param("width", 3))
    (into,) = (w for w in graph.wires if w.target == key)
    (out,) = (w for w in graph.wires if w.source == key)
    graph = graph.without_blocks({key}).with_block(Block("cell", "cell", inside=inside))
    graph = graph.with_wire(Wire(into.source, into.out, "cell", "x"))
    return project.with_graph(graph.with_wire(Wire("cell", "out", out.target, out.into)))


def test_numbers_equal_those_of_the_model_that_a_run_would_start_with(
    hello: Project, trainer: Trainer
) -> None:
    told = seen(Peeker().look(wish(hello, recurrent(hello))))
    batch = dataclasses.replace(hello.training).batch
    inputs = trainer.batches.next().inputs
    with torch.no_grad():
        _, _, values = trainer.model.eval().trace(inputs)
    x = values[recurrent(hello), "out"].numpy()
    assert told.weights == f"untrained weights, seed {hello.training.seed}"
    assert told.names == ("B", "T", "C")
    assert told.sizes == (batch, *x.shape[1:])
    assert told.mean == pytest.approx(x.mean(), abs=1e-6)
    assert told.spread == pytest.approx(x.std(), abs=1e-6)
    assert (told.low, told.high) == pytest.approx((x.min(), x.max()))
    np.testing.assert_allclose(told.picture, x[0].T, atol=1e-6)
    assert told.dtype == "float32"


def test_ids_are_told_as_symbols(hello: Project) -> None:
    source = next(block.id for block in hello.graph if block.kind == "tokens")
    told = seen(Peeker().look(wish(hello, source)))
    assert told.look == "tokens"
    assert "".join(told.tokens) == "hell"


def test_a_run_at_hand_lends_its_weights_and_is_not_disturbed(
    hello: Project, tmp_path: pathlib.Path
) -> None:
    text, key = project_text(hello), recurrent(hello)

    def trained(looks: bool) -> tuple[torch.Tensor, Trainer, list[Peeked]]:
        start = Start("r", text, "", str(tmp_path), probes=False)
        trainer, told, peeker = Trainer.open(start, lambda _: None), [], Peeker()
        while trainer.step < 6:
            trainer.advance()
            if looks:
                told.append(seen(peeker.look(wish(hello, key), trainer)))
        return trainer.model.module(key).state_dict()["cells.0.weight_ih_l0"], trainer, told

    plain, _, _ = trained(looks=False)
    watched, trainer, told = trained(looks=True)
    assert torch.equal(plain, watched)
    assert trainer.model.training
    assert told[0].weights.startswith("step ")
    moved = seen(Peeker().look(wish(hello, key), trainer))
    assert moved.weights == f"step {trainer.step:,}"
    assert moved.mean != seen(Peeker().look(wish(hello, key))).mean


def test_the_weights_of_another_graph_are_not_used(hello: Project, trainer: Trainer) -> None:
    while trainer.step < 2:
        trainer.advance()
    wider = SetParam(recurrent(hello), "hidden", 5).apply(hello)
    told = seen(Peeker().look(wish(wider, recurrent(hello)), trainer))
    assert told.sizes[-1] == 5
    assert told.weights.startswith("untrained")


def test_a_checkpoint_lends_its_weights(
    hello: Project, trainer: Trainer, tmp_path: pathlib.Path
) -> None:
    while trainer.step < 5:
        trainer.advance()
    trainer.checkpoint()
    key = recurrent(hello)
    told = seen(Peeker().look(wish(hello, key, folder=str(tmp_path))))
    live = seen(Peeker().look(wish(hello, key), trainer))
    assert told.weights == live.weights == "step 5"
    np.testing.assert_array_equal(told.picture, live.picture)
    wider = SetParam(key, "hidden", 5).apply(hello)
    other = seen(Peeker().look(wish(wider, key, folder=str(tmp_path))))
    assert other.weights.startswith("untrained")


def test_only_what_is_behind_an_edit_runs_again(
    hello: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, peeker, ran = recurrent(hello), Peeker(), []
    plain = nn.RNN.forward
    monkeypatch.setattr(
        nn.RNN, "forward", lambda self, *args: ran.append(self) or plain(self, *args)
    )
    first = seen(peeker.look(wish(hello, key)))
    assert len(ran) == 1
    moved = hello.with_graph(
        hello.graph.with_block(dataclasses.replace(hello.graph.blocks[key], x=900.0))
    )
    peeker.look(wish(moved, key))
    (out,) = (w for w in hello.graph.wires if w.source == key)
    linear = Block("linear", "linear", params={"width": 3, "bias": True})
    graph = hello.graph.without_wire(out).with_block(linear)
    graph = graph.with_wire(Wire(key, "out", "linear", "in"))
    behind = hello.with_graph(graph.with_wire(Wire("linear", "out", out.target, out.into)))
    again = seen(peeker.look(wish(behind, key)))
    assert len(ran) == 1
    np.testing.assert_array_equal(again.picture, first.picture)
    assert seen(peeker.look(wish(behind, "linear"))).picture.shape == first.picture.shape
    peeker.look(wish(SetParam(key, "hidden", 5).apply(hello), key))
    assert len(ran) == 2


def test_inside_a_cell_every_step_is_told() -> None:
    project = drawn_cell()
    peeker = Peeker()
    outside = seen(peeker.look(wish(project, "cell")))
    gate = seen(peeker.look(wish(project, "gate", "out", "cell")))
    before = seen(peeker.look(wish(project, "h", "out", "cell")))
    given = seen(peeker.look(wish(project, "x", "out", "cell")))
    assert gate.names == before.names == given.names == ("B", "T", "C")
    assert "every step" in gate.note
    np.testing.assert_array_equal(gate.picture, outside.picture)
    np.testing.assert_array_equal(before.picture[:, 1:], outside.picture[:, :-1])
    assert not before.picture[:, 0].any()
    np.testing.assert_array_equal(given.picture.sum(0), np.ones(4))  # one-hot symbols


def test_a_part_without_a_head_flows_already(hello: Project) -> None:
    heads = tuple(block.id for block in hello.graph if KINDS[block.kind].head)
    headless = RemoveBlocks(heads).apply(hello)
    told = seen(Peeker().look(wish(headless, recurrent(hello))))
    assert told.names == ("B", "T", "C")


def test_an_error_upstream_is_told_with_its_reason(hello: Project) -> None:
    key = recurrent(hello)
    (into,) = (w for w in hello.graph.wires if w.target == key)
    loose = Disconnect(into).apply(hello)
    told = failed(Peeker().look(wish(loose, key)))
    assert told.what == "Nothing flows here yet"
    assert "nothing at its" in told.why
    assert Connect(into).apply(loose).graph.wires


def test_an_exception_in_a_block_names_the_block(
    hello: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: nn.RNN, *args: object) -> None:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(nn.RNN, "forward", broken)
    peeker, key = Peeker(), recurrent(hello)
    told = failed(peeker.look(wish(hello, key)))
    assert told.block == key
    assert "mat1 and mat2" in told.why
    before = hello.graph.into(key)["in"]
    assert seen(peeker.look(wish(hello, before.source, before.out))).look in {"map", "tokens"}


def test_shares_of_zeros_and_bad_numbers() -> None:
    x = torch.tensor([0.0, 0.0, 1.0, 3.0, float("nan"), float("inf"), -4.0, 0.0])
    mean, spread, low, high, zeros, bad = statistics([x])
    finite = np.array([0, 0, 1, 3, -4, 0])
    assert (mean, spread) == pytest.approx((finite.mean(), finite.std()))
    assert (low, high, zeros, bad) == (-4.0, 3.0, 3 / 8, 2 / 8)


def test_every_wire_of_a_project_is_told_inside_of_blocks_too() -> None:
    told = every_wire(drawn_cell(), None)
    assert {each.path for each in told} == {(), ("cell",)}
    assert all(isinstance(each, Peeked) for each in told)


def test_a_bypassed_block_hands_its_input_on() -> None:
    project = make("char-lstm")
    graph: Graph = project.graph
    bypassed = dataclasses.replace(graph.blocks["dropout"], mode="bypass")
    project = project.with_graph(graph.with_block(bypassed))
    peeker = Peeker()
    through = seen(peeker.look(wish(project, "dropout")))
    np.testing.assert_array_equal(
        through.picture, seen(peeker.look(wish(project, "lstm"))).picture
    )


def test_looks_at_a_run_that_goes_on_rest_in_between(hello: Project, trainer: Trainer) -> None:
    peeker, key = Peeker(), recurrent(hello)

    def step(running: bool) -> str:
        return seen(peeker.look(wish(hello, key), trainer, running)).weights

    while trainer.step < 3:
        trainer.advance()
    assert step(running=True) == "step 3"
    while trainer.step < 5:
        trainer.advance()
    assert step(running=True) == "step 3"
    assert step(running=False) == "step 5"


def test_a_block_that_is_looked_into_has_the_weights_of_the_run(
    hello: Project, trainer: Trainer
) -> None:
    key, peeker = recurrent(hello), Peeker()
    one = opened(hello.graph.blocks[key], trainer.model.report.contexts[key])
    assert one is not None
    looked_into = hello.with_graph(hello.graph.with_block(one))
    begun = seen(peeker.look(wish(looked_into, key), trainer))
    assert begun.weights.startswith("untrained")
    while trainer.step < 4:
        trainer.advance()
    whole = seen(peeker.look(wish(hello, key), trainer))
    apart = seen(peeker.look(wish(looked_into, key), trainer))
    assert apart.weights == whole.weights == "step 4"
    np.testing.assert_allclose(apart.picture, whole.picture, atol=1e-6)
    state = next(block.id for block in one.inside or () if block.kind == "state")
    inside = seen(peeker.look(wish(looked_into, state, "out", key), trainer))
    np.testing.assert_allclose(inside.picture[:, 1:], whole.picture[:, :-1], atol=1e-6)


def test_scores_are_told_as_a_square_matrix_of_the_first_head() -> None:
    project = make("char-attention")
    key = next(block.id for block in project.graph if block.kind == "self_attention")
    context = check(project.graph, facts_of(open_dataset(project.data, None), project.training))
    one = opened(project.graph.blocks[key], context.contexts[key])
    assert one is not None
    assert one.inside is not None
    weights = next(block.id for block in one.inside if block.kind == "softmax")
    looked_into = project.with_graph(project.graph.with_block(one))
    told = seen(Peeker().look(wish(looked_into, weights, "out", key)))
    assert told.look == "matrix"
    assert told.picture.shape[0] == told.picture.shape[1]
    assert told.names[-2:] == ("T", "T")
    assert told.zeros > 0.4  # what lies ahead
    np.testing.assert_array_equal(np.triu(told.picture, 1), 0.0)
