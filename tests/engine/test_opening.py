"""Opened and unchanged, a block computes what its fused layer does: outputs, gradients, states."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from seqstudio.blocks.catalogue import KINDS
from seqstudio.blocks.check import check
from seqstudio.blocks.declaration import DataFacts
from seqstudio.blocks.grouping import group, ungroup
from seqstudio.blocks.insides import OPENINGS
from seqstudio.blocks.names import attribute_name
from seqstudio.blocks.opening import opened
from seqstudio.document.graph import Block, Graph, Wire
from seqstudio.document.project import Project
from seqstudio.engine.circuit import Circuit
from seqstudio.engine.inputs import Inputs
from seqstudio.engine.model import GraphModel, detach, nest_state
from seqstudio.engine.model import flat_state as flat
from seqstudio.engine.opening import carry_over, parts_of, transfer

FACTS = DataFacts("waves", "forecast", "vectors", width=5, outputs=5, window=7, batch=3)
WIDTH = 8
SMALL = {"hidden": 6, "heads": 2, "expansion": 2}

CASES = [
    ("rnn", {}),
    ("rnn", {"nonlinearity": "relu"}),
    ("rnn", {"layers": 3, "residual": True}),
    ("gru", {}),
    ("gru", {"layers": 2}),
    ("gru", {"layers": 2, "bidirectional": True}),
    ("lstm", {}),
    ("lstm", {"forget_bias": 3.0, "init": "orthogonal"}),
    ("lstm", {"layers": 2, "residual": True}),
    ("lstm", {"peepholes": True}),
    ("lstm", {"peepholes": True, "layers": 2}),
    ("lstm", {"layers": 2, "bidirectional": True}),
    ("self_attention", {}),
    ("self_attention", {"positions": "none", "causal": False}),
    ("self_attention", {"window": 2}),
    ("cross_attention", {}),
    ("transformer", {}),
    ("transformer", {"norm": "post", "causal": False}),
    ("transformer", {"layers": 2}),
    ("encoder_stack", {}),
    ("encoder_stack", {"layers": 2, "norm": "post"}),
    ("decoder_stack", {}),
    ("decoder_stack", {"layers": 2, "norm": "post"}),
    ("perceptron", {"width": 4}),
    ("perceptron", {"width": 4, "function": "none"}),
    ("mlp", {"width": 4, "layers": 2}),
]
NAMES = [" ".join((kind, *(f"{k}={v}" for k, v in p.items()))) for kind, p in CASES]
DEEP = ("rnn", "gru", "lstm", "transformer", "encoder_stack", "decoder_stack")


def model_graph(kind: str, **params: object) -> Graph:
    """Return vectors -> linear -> the block -> forecast, with a second linear for its memory."""
    wanted = {**KINDS[kind].defaults(), **SMALL, **params}
    settings = {name: wanted[name] for name in KINDS[kind].defaults()}
    linear = {**KINDS["linear"].defaults(), "width": WIDTH}
    blocks = [
        Block("x", "vectors"),
        Block("before", "linear", params=linear),
        Block("beside", "linear", params=linear),
        Block("it", kind, params=settings),
        Block("head", "forecast_head", params=KINDS["forecast_head"].defaults()),
    ]
    wires = [
        Wire("x", "out", "before", "in"),
        Wire("before", "out", "it", "in"),
        Wire("it", "out", "head", "in"),
    ]
    if any(port.name == "memory" for port in KINDS[kind].inputs):
        wires += [Wire("x", "out", "beside", "in"), Wire("beside", "out", "it", "memory")]
    return Graph({block.id: block for block in blocks}, tuple(wires))


def open_all(graph: Graph, deep: bool) -> Graph:
    """Return the graph with the block `it` opened, and what is inside it too."""
    block = opened(graph.blocks["it"], check(graph, FACTS).contexts["it"])
    assert block is not None
    graph = graph.with_block(block)
    if not deep:
        return graph
    contexts = check(graph, FACTS).inside["it"].contexts
    inside = graph.at(("it",))
    for inner in inside:
        if inner.kind in OPENINGS:
            fresh = opened(inner, contexts[inner.id])
            assert fresh is not None
            inside = inside.with_block(fresh)
    return graph.put(("it",), inside)


def pair(
    kind: str, params: dict[str, object], dtype: torch.dtype, deep: bool = False
) -> tuple[GraphModel, GraphModel]:
    """Return a model and the same one with its block opened, with the same weights."""
    torch.manual_seed(1)
    graph = model_graph(kind, **params)
    fused = GraphModel(graph, FACTS).to(dtype)
    own = GraphModel(open_all(graph, deep), FACTS).to(dtype)
    with torch.no_grad():  # biases and norms away from their special starts
        for parameter in fused.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    carried = carry_over(fused, own)
    assert not carried.fresh
    return fused, own


def deviation(one: Tensor, two: Tensor) -> float:
    """Return the largest difference of two tensors."""
    return float((one - two).detach().abs().max())


@pytest.mark.parametrize(
    ("dtype", "bound"), [(torch.float32, 1e-5), (torch.float64, 1e-10)], ids=["float32", "float64"]
)
@pytest.mark.parametrize(("kind", "params"), CASES, ids=NAMES)
def test_outputs_and_gradients_are_those_of_the_fused_layer(kind, params, dtype, bound):
    fused, own = pair(kind, params, dtype)
    x = torch.randn(3, 7, 5, dtype=dtype)
    weights = torch.randn(3, 7, 10, dtype=dtype)
    grads = []
    results = []
    for model in (fused, own):
        y, _ = model(x)
        results.append(y.detach())
        (y * weights).sum().backward()
        around = [*model.module("before").parameters(), *model.module("head").parameters()]
        grads.append([parameter.grad for parameter in around])
    assert deviation(*results) < bound
    for one, two in zip(*grads, strict=True):
        assert deviation(one, two) < bound
    inner = own.module("it")
    assert isinstance(inner, Circuit)
    theirs = {name: p.grad for name, p in fused.module("it").named_parameters()}
    checked = _compare_inside(kind, theirs, inner, bound)
    assert checked == sum(1 for _ in inner.parameters())


def _compare_inside(kind: str, theirs: dict[str, Tensor], module: Circuit, bound: float) -> int:
    """Hold the gradient of every weight inside to that of the fused one; return how many."""
    checked = 0
    for key, (inner_kind, tensors) in parts_of(kind, theirs).items():
        node = next((n for n in module.nodes if n.block == key), None)
        if node is None:  # without a second direction
            assert not tensors
            continue
        inner = module.blocks[node.name]
        if isinstance(inner, Circuit):
            checked += _compare_inside(inner_kind, dict(tensors), inner, bound)
            continue
        for name, parameter in inner.named_parameters():
            wanted = tensors[name]
            if inner_kind == "gate" and name == "input.bias":
                wanted = wanted / 2  # both biases of torch have the gradient of their sum
            assert deviation(wanted, parameter.grad) < bound
            checked += 1
    return checked


@pytest.mark.parametrize("kind", DEEP)
def test_what_is_inside_opens_further(kind):
    fused, own = pair(kind, {"layers": 2} if kind not in {"decoder_stack"} else {}, torch.float64,
                      deep=True)  # fmt: skip
    x = torch.randn(3, 7, 5, dtype=torch.float64)
    assert deviation(fused(x)[0], own(x)[0]) < 1e-10


@pytest.mark.parametrize(("kind", "layers"), [("rnn", 1), ("gru", 1), ("lstm", 1), ("lstm", 2)])
def test_a_carried_state_goes_on_in_the_same_way(kind, layers):
    fused, own = pair(kind, {"layers": layers}, torch.float64)
    x = torch.randn(3, 14, 5, dtype=torch.float64)
    states: list[dict] = []
    for model in (fused, own):
        _, state = model(x[:, :7])
        y, after = model(x[:, 7:], state)
        whole, _ = model(x)
        assert deviation(y, whole[:, 7:]) < 1e-10
        states.append(flat(after))
    ends = [torch.stack(sorted_ends(state)) for state in states]
    assert deviation(*ends) < 1e-10


def sorted_ends(state: dict[str, Tensor]) -> list[Tensor]:
    """Return the end states, h before c and layer by layer, whatever their names are."""
    order = {"h": "0", "c": "1"}
    keyed = {"/".join(order.get(part, part) for part in key.split("/")): v
             for key, v in state.items()}  # fmt: skip
    return [keyed[key].double() for key in sorted(keyed)]


@pytest.mark.parametrize("kind", ["rnn", "gru", "lstm", "self_attention", "transformer"])
@pytest.mark.parametrize("both", [False, True])
def test_padding_never_changes_a_result(kind, both):
    params: dict[str, object] = {"causal": not both, "bidirectional": both}
    fused, own = pair(kind, params, torch.float64)
    lengths = torch.tensor([7, 4, 2])
    x = torch.randn(3, 7, 5, dtype=torch.float64)
    given = Inputs(x, lengths=lengths)
    one, _ = fused(given)
    two, _ = own(given)
    for row, length in enumerate(lengths):
        alone, _ = own(x[row : row + 1, :length])
        assert deviation(one[row, :length], two[row, :length]) < 1e-10
        assert deviation(alone[0], two[row, :length]) < 1e-10


def test_states_survive_a_checkpoint_of_an_opened_block():
    _, own = pair("lstm", {}, torch.float64)
    x = torch.randn(2, 5, 5, dtype=torch.float64)
    _, state = own(x)
    again = nest_state(flat(state), own)
    assert deviation(own(x, state)[0], own(x, again)[0]) == 0.0
    assert detach(state)["it"].keys() == {"h", "c"}


@pytest.mark.parametrize("kind", ["lstm", "transformer"])
def test_an_opened_block_starts_as_open_as_the_fused_one(kind):
    torch.manual_seed(0)
    graph = open_all(model_graph(kind, hidden=64, forget_bias=2.5), deep=False)
    module = GraphModel(graph, FACTS).module("it")
    if kind == "lstm":
        assert torch.all(module.get_parameter("blocks.forget.input.bias") == 2.5)
        bound = 64**-0.5
        weight = module.get_parameter("blocks.input.state.weight")
        assert weight.abs().max() <= bound
        assert float(weight.detach().std()) == pytest.approx(bound / 3**0.5, rel=0.1)
    else:
        up, down = (module.get_parameter(f"blocks.{name}.weight") for name in ("up", "down"))
        assert float(up.detach().std()) == pytest.approx(0.02, rel=0.3)
        assert float(down.detach().std()) == pytest.approx(0.02 / 2**0.5, rel=0.3)


def test_carry_over_tells_what_is_kept_and_what_starts_afresh():
    torch.manual_seed(2)
    graph = model_graph("lstm")
    trained = GraphModel(graph, FACTS)
    own = open_all(graph, deep=False)
    inside = own.at(("it",))
    peep = Block("extra", "linear", params={**KINDS["linear"].defaults(), "width": 6})
    inside = inside.without_wire(Wire("squash", "out", "hidden", "in"))
    inside = inside.with_block(peep).with_wire(Wire("squash", "out", "extra", "in"))
    inside = inside.with_wire(Wire("extra", "out", "hidden", "in"))
    changed = GraphModel(own.put(("it",), inside), FACTS)
    carried = carry_over(trained, changed)
    assert sorted(carried.fresh) == [
        "blocks.it.blocks.extra.bias",
        "blocks.it.blocks.extra.weight",
    ]
    weight = changed.get_parameter("blocks.it.blocks.candidate.state.weight")
    fused = trained.module("it").get_parameter("cells.0.weight_hh_l0")
    assert torch.equal(weight, fused[12:18])
    again = GraphModel(own.put(("it",), inside), FACTS)
    carried = carry_over(changed, again)
    assert not carried.fresh
    assert torch.equal(changed.state_dict()["blocks.it.blocks.extra.bias"],
                       again.state_dict()["blocks.it.blocks.extra.bias"])  # fmt: skip


def test_transfer_takes_one_block_alone():
    fused, own = pair("gru", {}, torch.float32)
    opened_module = own.module("it")
    assert isinstance(opened_module, Circuit)
    with torch.no_grad():
        for parameter in opened_module.parameters():
            parameter.zero_()
    carried = transfer("gru", fused.module("it"), opened_module)
    assert not carried.fresh
    x = torch.randn(2, 7, 5)
    assert deviation(fused(x)[0], own(x)[0]) < 1e-5


def test_a_group_computes_what_its_blocks_did():
    torch.manual_seed(3)
    graph = model_graph("lstm")
    edit, key = group(graph, ("before", "it"))
    grouped = edit.apply(Project(graph)).graph
    plain, made = GraphModel(graph, FACTS), GraphModel(grouped, FACTS)
    inside = made.module(key)
    assert isinstance(inside, Circuit)
    with torch.no_grad():
        for block in ("before", "it"):
            inside.blocks[attribute_name(block)].load_state_dict(plain.module(block).state_dict())
        made.module("head").load_state_dict(plain.module("head").state_dict())
    x = torch.randn(3, 14, 5)
    one, state = plain(x[:, :7])
    two, carried = made(x[:, :7])
    assert torch.equal(one, two)
    assert torch.equal(plain(x[:, 7:], state)[0], made(x[:, 7:], carried)[0])
    edit, _ = ungroup(grouped, key)
    again = GraphModel(edit.apply(Project(grouped)).graph, FACTS)
    assert not carry_over(plain, again).fresh
    assert torch.equal(again(x)[0], plain(x)[0])
