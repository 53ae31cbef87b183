"""Groups, recurrent cells, bypass, mute and two streams: numbers against plain torch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from seqstudio.blocks.check import check
from seqstudio.blocks.declaration import DataFacts
from seqstudio.blocks.kinds.structure import simple_cell, straight_group
from seqstudio.blocks.templates.cells import lstm_without_forget_gate, minimal_gated_unit
from seqstudio.blocks.templates.pairs import attending_cell
from seqstudio.blocks.templates.sketch import Sketch
from seqstudio.core.errors import GraphError
from seqstudio.document.edits import SetMode
from seqstudio.document.graph import Graph
from seqstudio.document.project import Project
from seqstudio.engine.circuit import Cell
from seqstudio.engine.gradflow import CellWeights, LayerRun, norm64, state_gradients, time_curve
from seqstudio.engine.inputs import Inputs
from seqstudio.engine.model import APART, GraphModel, flat_state, nest_state
from seqstudio.engine.probes import StepTap

TEXT = DataFacts(vocabulary=7, window=6)
VECTORS = DataFacts(pattern="value", input="vectors", width=3, window=5)
PAIRS = DataFacts(
    vocabulary=7, source="ids", source_vocabulary=9, window=6, source_window=8, padded=True
)


def text_model(inside: Graph, kind: str = "cell", width: int = 16) -> GraphModel:
    sketch = Sketch()
    embedded = sketch.add("embedding", sketch.add("tokens"), width=width)
    sketch.chain(sketch.add(kind, embedded, inside=inside, name="mine"), "next_token")
    torch.manual_seed(0)
    return GraphModel(sketch.graph, TEXT).double()


def cell_of(model: GraphModel) -> Cell:
    cell = model.module("mine")
    assert isinstance(cell, Cell)
    return cell


def tokens(rows: int = 3, steps: int = 6) -> torch.Tensor:
    return torch.randint(0, 7, (rows, steps), generator=torch.Generator().manual_seed(1))


def test_a_drawn_rnn_equals_torch_in_numbers_and_gradients() -> None:
    model = text_model(simple_cell())
    gate = cell_of(model).blocks["gate"]
    torch_rnn = nn.RNN(16, 128, batch_first=True).double()
    weights = dict(gate.named_parameters())
    with torch.no_grad():
        torch_rnn.bias_hh_l0.zero_()
        for name, parameter in weights.items():
            like = {
                "weight_ih_l0": name.startswith("input") and parameter.dim() == 2,
                "weight_hh_l0": name.startswith("state"),
                "bias_ih_l0": parameter.dim() == 1,
            }
            (target,) = [key for key, fits in like.items() if fits]
            torch_rnn.get_parameter(target).copy_(parameter)
    x = torch.randn(3, 6, 16, dtype=torch.float64, requires_grad=True)
    y, state = cell_of(model)(x, None)
    wanted, last = torch_rnn(x)
    torch.testing.assert_close(y, wanted, rtol=0, atol=1e-12)
    torch.testing.assert_close(state["h"], last, rtol=0, atol=1e-12)
    mine, theirs = (torch.autograd.grad(out.square().sum(), x)[0] for out in (y, wanted))
    torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "inside",
    [simple_cell(), minimal_gated_unit(8), lstm_without_forget_gate(8)],
    ids=["rnn", "mgu", "no forget gate"],
)
def test_a_cell_continues_where_it_stopped(inside: Graph) -> None:
    model = text_model(inside)
    ids = tokens()
    whole, end = model(ids)
    first, state = model(ids[:, :4])
    second, after = model(ids[:, 4:], state)
    torch.testing.assert_close(torch.cat([first, second], 1), whole, rtol=0, atol=1e-12)
    flat = flat_state(end)
    assert flat
    for path, value in flat_state(after).items():
        torch.testing.assert_close(value, flat[path], rtol=0, atol=1e-12)
    again = nest_state(flat_state(state), model)
    torch.testing.assert_close(model(ids[:, 4:], again)[0], second, rtol=0, atol=0)


def test_the_minimal_gated_unit_is_its_equation() -> None:
    cell = cell_of(text_model(minimal_gated_unit(8)))
    x = torch.randn(2, 4, 16, dtype=torch.float64)
    y, _ = cell(x, None)
    forget, candidate = cell.blocks["f"], cell.blocks["n"]
    h = torch.zeros(2, 8, dtype=torch.float64)
    for t in range(4):
        f = forget(x[:, t], h)
        n = candidate(x[:, t], f * h)
        h = (1 - f) * h + f * n
        torch.testing.assert_close(y[:, t], h, rtol=0, atol=1e-12)


def test_the_lstm_without_forget_gate_only_adds() -> None:
    cell = cell_of(text_model(lstm_without_forget_gate(8)))
    x = torch.randn(2, 4, 16, dtype=torch.float64)
    y, _ = cell(x, None)
    gates = {name: cell.blocks[name] for name in "igo"}
    h = c = torch.zeros(2, 8, dtype=torch.float64)
    for t in range(4):
        i, g, o = (gates[name](x[:, t], h) for name in "igo")
        c = c + i * g
        h = o * c.tanh()
        torch.testing.assert_close(y[:, t], h, rtol=0, atol=1e-12)


def test_the_gradient_at_every_state_can_be_seen() -> None:
    model = text_model(minimal_gated_unit(8))
    seen: list[torch.Tensor] = []
    handle = (
        cell_of(model)
        .states["h"]
        .register_forward_hook(
            lambda _module, _args, output: (output.retain_grad(), seen.append(output))[1]
        )
    )
    ids = tokens()
    model.losses(model(ids[:, :-1])[0], ids[:, 1:]).mean().backward()
    handle.remove()
    assert len(seen) == 5
    assert all(h.grad is not None and bool(h.grad.abs().sum() > 0) for h in seen[:-1])


def test_padding_never_changes_a_cell() -> None:
    model = text_model(minimal_gated_unit(8))
    ids = tokens()
    lengths = torch.tensor([6, 4, 2])
    padded, end = model(Inputs(ids, lengths=lengths))
    for row, length in enumerate(lengths.tolist()):
        alone, last = model(ids[row : row + 1, :length])
        torch.testing.assert_close(padded[row, :length], alone[0], rtol=0, atol=1e-12)
        for path, value in flat_state(end).items():
            torch.testing.assert_close(value[:, row], flat_state(last)[path][:, 0])


def test_a_group_is_what_is_inside_it() -> None:
    inner = Sketch()
    inner.chain(
        inner.add("inlet", name="in"),
        ("lstm", {"hidden": 12, "layers": 2}),
        ("activation", {"function": "relu"}),
        "outlet",
    )
    outer = Sketch()
    embedded = outer.add("embedding", outer.add("tokens"), width=16)
    outer.chain(
        embedded,
        ("lstm", {"hidden": 12, "layers": 2}),
        ("activation", {"function": "relu"}),
        "next_token",
    )
    group = text_model(inner.graph, "group")
    plain = GraphModel(outer.graph, TEXT).double()
    theirs = {name.replace("mine.blocks.", ""): p for name, p in group.named_parameters()}
    plain.load_state_dict(theirs)
    ids = tokens()
    torch.testing.assert_close(group(ids)[0], plain(ids)[0], rtol=0, atol=0)
    assert group.recurrent
    assert group.stepwise
    first, state = group(ids[:, :3])
    second, _ = group(ids[:, 3:], state)
    torch.testing.assert_close(torch.cat([first, second], 1), plain(ids)[0], rtol=0, atol=1e-12)
    assert check(outer.graph, TEXT).total == group.parameter_count()


def test_bypass_hands_on_and_mute_gives_zeros() -> None:
    sketch = Sketch()
    embedded = sketch.add("embedding", sketch.add("tokens"), width=16)
    mixed = sketch.add("linear", embedded, width=16)
    both = sketch.add("add", embedded, into={"other": mixed})
    sketch.chain(both, "next_token")

    def with_mode(mode: str) -> GraphModel:
        edit = SetMode((mixed,), mode, "")  # type: ignore[arg-type]
        torch.manual_seed(0)
        return GraphModel(edit.apply(Project(sketch.graph)).graph, TEXT)

    bypassed, muted = with_mode("bypass"), with_mode("mute")
    for model, factor in ((bypassed, 2.0), (muted, 1.0)):
        ids = tokens()
        wanted = model.module("next_token")(factor * model.module("embedding")(ids))
        torch.testing.assert_close(model(ids)[0], wanted)
    assert "linear" not in dict(bypassed.blocks.named_children())
    loss = muted(tokens())[0].square().sum()
    loss.backward()
    assert muted.module("linear").get_parameter("weight").grad is None


def test_what_cannot_be_bypassed_is_named() -> None:
    sketch = Sketch()
    sketch.chain(sketch.add("tokens"), ("embedding", {"width": 16}), "next_token")
    graph = SetMode(("embedding",), "bypass", "").apply(Project(sketch.graph)).graph
    (problem, *_) = check(graph, TEXT).errors
    assert problem.block == "embedding"
    assert "cannot be bypassed" in problem.what
    with pytest.raises(GraphError, match="embedding"):
        GraphModel(graph, TEXT)


def pair_model() -> GraphModel:
    sketch = Sketch()
    source = sketch.add("embedding", sketch.add("source_tokens", row=1), width=10)
    encoder = sketch.add("gru", source, hidden=6, bidirectional=True, name="encoder")
    read = sketch.add("embedding", sketch.add("tokens", row=0), row=0, width=10)
    decoder = sketch.add("cell", read, encoder, row=0, inside=attending_cell(12), name="decoder")
    sketch.chain(decoder, "next_token")
    torch.manual_seed(0)
    return GraphModel(sketch.graph, PAIRS).double().eval()


def pair_batch() -> Inputs:
    torch.manual_seed(2)
    return Inputs(
        torch.randint(0, 7, (3, 6)),
        torch.randint(0, 9, (3, 8)),
        torch.tensor([6, 5, 3]),
        torch.tensor([4, 8, 5]),
    )


def test_an_attending_decoder_does_not_see_padding() -> None:
    model, batch = pair_model(), pair_batch()
    assert batch.source is not None
    outputs, _ = model(batch)
    for row in range(3):
        steps, words = int(batch.lengths[row]), int(batch.source_lengths[row])
        alone = Inputs(batch.main[row : row + 1, :steps], batch.source[row : row + 1, :words])
        torch.testing.assert_close(outputs[row, :steps], model(alone)[0][0], rtol=0, atol=1e-12)


def test_the_encoder_is_read_once_while_writing() -> None:
    model, batch = pair_model(), pair_batch()
    calls: list[int] = []
    model.module("encoder").register_forward_hook(lambda *_: calls.append(1))
    whole, _ = model(batch)
    assert len(calls) == 1
    state, steps = model.writing_state(), []
    assert APART in state
    for t in range(6):
        logits, state = model(replace(batch, main=batch.main[:, t : t + 1], lengths=None), state)
        steps.append(logits)
    assert len(calls) == 2
    for row, length in enumerate([6, 5, 3]):
        written = torch.cat(steps, 1)[row, :length]
        torch.testing.assert_close(written, whole[row, :length], rtol=0, atol=1e-12)


def test_a_straight_group_changes_nothing() -> None:
    model = text_model(straight_group(), "group")
    x = model.module("embedding")(tokens())
    torch.testing.assert_close(model(tokens())[0], model.module("next_token")(x))
    assert not model.recurrent
    assert model.stepwise


def test_the_curves_of_a_drawn_cell_are_those_of_autograd() -> None:
    drawn, plain = text_model(simple_cell()), nn.RNN(16, 128, batch_first=True).double()
    gate = cell_of(drawn).blocks["gate"]
    with torch.no_grad():
        plain.weight_ih_l0.copy_(gate.get_parameter("input.weight"))
        plain.bias_ih_l0.copy_(gate.get_parameter("input.bias"))
        plain.weight_hh_l0.copy_(gate.get_parameter("state.weight"))
        plain.bias_hh_l0.zero_()
    ids = tokens()
    with StepTap(drawn) as tap:
        drawn.losses(drawn(ids[:, :-1])[0], ids[:, 1:]).mean().backward()
    tap.collect(rows=3)
    (layer,) = tap.reading(1, "abcde", 15.0, 5).layers
    assert (layer.block, layer.state, layer.arch) == ("mine", "h", "custom1")
    h, _ = plain(drawn.module("embedding")(ids[:, :-1]))
    logits = drawn.module("next_token")(h)
    (direct,) = torch.autograd.grad(drawn.losses(logits, ids[:, 1:]).mean(), h, retain_graph=True)
    run = LayerRun(drawn.module("embedding")(ids[:, :-1]), h)
    flow = state_gradients(CellWeights.from_module(plain), run, direct)
    wall = norm64(flow.initial_h).mean() * 15.0
    assert layer.wall_h == pytest.approx(float(wall), rel=1e-5)
    for curve, wanted in ((layer.total_h, flow.total_h), (layer.direct_h, flow.direct_h)):
        expected = time_curve(wanted, 15.0).mean_of_norms.numpy()
        np.testing.assert_allclose(curve, expected, rtol=1e-5)
