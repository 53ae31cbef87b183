"""Every block against its module: shapes, counts, padding, causality, gradients.

Each case below is one block with one choice of settings; every kind of the catalogue has one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from seqstudio.blocks.catalogue import KINDS
from seqstudio.blocks.declaration import Call, Context, DataFacts, Dim, Port, Shape, ShapeError
from seqstudio.blocks.kinds.structure import STRUCTURE
from seqstudio.engine import layers

ROWS = 3
SIZES = {"B": ROWS, "T": 5, "S": 4, "1+T": 6, "6P": 6, "1+6P": 7, "12P": 12, "48P": 48}
LENGTHS = {"T": [5, 3, 1], "S": [2, 4, 1], "1+T": [6, 4, 2]}
FACTS: Mapping[str, Any] = {
    "title": "data",
    "vocabulary": 11,
    "width": 3,
    "classes": 7,
    "window": SIZES["T"],
    "source_vocabulary": 9,
    "source_window": SIZES["S"],
    "picture": (2, 6, 8),
    "outputs": 4,
}
IDS, SOURCE_IDS = Shape("ids", ("B", "T")), Shape("ids", ("B", "S"))
SEQ, VEC, MEM = (Shape("tensor", dims) for dims in (("B", "T", 8), ("B", 8), ("B", "S", 6)))
HEADS = Shape("tensor", ("B", 2, "T", 4))
SCORES = Shape("tensor", ("B", 2, "T", "T"))
CROSS_SCORES = Shape("tensor", ("B", 2, "T", "S"))
PICTURE = Shape("picture", ("B", 2, 6, 8))


@dataclass(frozen=True)
class Case:
    """A block with its settings and what arrives; `facts` differ from the usual ones."""

    kind: str
    ins: Mapping[str, Shape] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        settings = [f"{name}={value}" for name, value in self.params.items()]
        return "-".join([self.kind, *settings, *map(str, self.ins.values())])

    def context(self) -> Context:
        kind = KINDS[self.kind]
        given = {"hidden": 6, "width": 4, "layers": 2, **self.params}
        known = {name: value for name, value in given.items() if name in kind.defaults()}
        return Context(kind.parse(known), self.ins, DataFacts(**{**FACTS, **self.facts}))

    def module(self) -> nn.Module:
        torch.manual_seed(0)
        return build(KINDS[self.kind].module(self.context()))


def build(call: Call) -> nn.Module:
    home = nn if call.cls.startswith("nn.") else layers
    made: nn.Module = getattr(home, call.cls.removeprefix("nn."))(**call.args)
    return made


def on(kind: str, shape: Shape = SEQ, /, **params: Any) -> Case:
    return Case(kind, {"in": shape}, params)


def two(kind: str, first: Shape, port: str, second: Shape, /, **params: Any) -> Case:
    return Case(kind, {"in": first, port: second}, params)


def head(kind: str, pattern: str, shape: Shape, **params: Any) -> Case:
    return Case(kind, {"in": shape}, params, {"pattern": pattern})


def recurrent(kind: str, keeps: str, **params: Any) -> list[Case]:
    state = Shape("state", (keeps, 2, 6))
    return [
        on(kind, **params),
        on(kind, MEM, layers=1, **params),
        on(kind, residual=True, layers=3, **params),
        on(kind, bidirectional=True, **params),
        on(kind, bidirectional=True, residual=True, layers=3, **params),
        two(kind, SEQ, "start", state, **params),
        two(kind, SEQ, "start", state, bidirectional=True, **params),
        *(on(kind, init=init, **params) for init in ("orthogonal", "identity", "scaled")),
    ]


def stacks(kind: str) -> list[Case]:
    settings: list[dict[str, Any]] = [
        {},
        {"norm": "post"},
        {"window": 1},
        {"window": 2, "norm": "post", "positions": "none", "layers": 3, "expansion": 2},
    ]
    return [on(kind, heads=2, **chosen) for chosen in settings]


CASES = [
    Case("tokens", facts={"input": "ids"}),
    Case("vectors", facts={"input": "vectors"}),
    Case("source_tokens", facts={"source": "ids"}),
    Case("picture", facts={"input": "picture"}),
    on("one_hot", IDS),
    on("one_hot", SOURCE_IDS),
    on("embedding", IDS),
    on("embedding", SOURCE_IDS),
    *(on("positions", kind=kind) for kind in ("sinusoidal", "learned", "none")),
    on("positions", kind="learned", length=9),
    on("positions", MEM, kind="learned"),
    on("positions", Shape("tensor", ("B", "1+T", 5)), kind="learned"),
    on("positions", Shape("tensor", ("B", "1+6P", 4)), kind="learned"),
    *(on("patches", PICTURE, size=size) for size in (1, 2)),
    on("conv", PICTURE, channels=3),
    on("conv", PICTURE, channels=3, kernel=2, stride=2, function="none"),
    on("conv", PICTURE, channels=1, kernel=5, stride=3, pool=2, function="gelu"),
    on("places", PICTURE),
    *recurrent("rnn", "h"),
    on("rnn", nonlinearity="relu", init="identity"),
    *recurrent("gru", "h"),
    *recurrent("lstm", "lstm"),
    *recurrent("lstm", "lstm", peepholes=True),
    two("gate", VEC, "state", Shape("tensor", ("B", 5))),
    two("gate", SEQ, "state", SEQ, function="tanh", bias=1.0, init="identity"),
    on("start_state", VEC, kind="lstm"),
    on("start_state", VEC, kind="h"),
    *(
        on("self_attention", heads=2, causal=causal, window=window, positions=positions)
        for causal in (True, False)
        for window in (0, 1)
        for positions in ("rotary", "none")
    ),
    on("self_attention", MEM, heads=3, causal=False),
    two("cross_attention", SEQ, "memory", MEM, heads=2),
    two("cross_attention", VEC, "memory", MEM, heads=4),
    two("cross_attention", SEQ, "memory", SEQ, heads=4),
    two("additive_attention", SEQ, "memory", MEM),
    two("additive_attention", VEC, "memory", MEM),
    two("hard_attention", SEQ, "memory", MEM),
    two("hard_attention", VEC, "memory", MEM),
    *stacks("transformer"),
    on("transformer", heads=2, causal=False, window=1),
    *stacks("encoder_stack"),
    *(two("decoder_stack", SEQ, "memory", MEM, **each.params) for each in stacks("decoder_stack")),
    on("split_heads", heads=4),
    on("merge_heads", HEADS),
    on("rotary", HEADS),
    two("matrix_product", HEADS, "other", HEADS, transposed=True),
    two("matrix_product", HEADS, "other", Shape("tensor", ("B", 2, "S", 4)), transposed=True),
    two("matrix_product", SCORES, "other", HEADS),
    two("matrix_product", Shape("tensor", ("B", "T", "S")), "other", MEM),
    two("causal_mask", SCORES, "memory", SEQ),
    on("causal_mask", SCORES),
    on("causal_mask", SCORES, window=1),
    on("causal_mask", SCORES, causal=False, window=1),
    on("causal_mask", SCORES, causal=False),
    two("causal_mask", CROSS_SCORES, "memory", MEM, causal=False),
    on("softmax"),
    on("softmax", Shape("tensor", ("B", "T", "T"))),
    on("softmax", SCORES),
    on("scale", factor=0.5),
    on("scale", HEADS, by="root"),
    on("scale", by="learned", factor=0.5),
    *(on("linear", bias=bias) for bias in (True, False)),
    *(
        on("linear", VEC, bias=bias, init=init)
        for bias in (True, False)
        for init in ("normal", "orthogonal", "identity", "scaled")
    ),
    on("perceptron", width=1),
    on("perceptron", VEC, function="none"),
    on("mlp"),
    on("mlp", VEC, layers=1, function="silu"),
    *(
        on("activation", function=f)
        for f in ("tanh", "relu", "gelu", "sigmoid", "softplus", "silu")
    ),
    on("layer_norm"),
    on("rms_norm"),
    on("dropout"),
    *(on(kind) for kind in ("last_step", "first_step", "mean_time", "max_time", "flatten_time")),
    on("last_step", Shape("tensor", ("B", "1+T", 4))),
    on("mean_time", Shape("tensor", ("B", "1+T", 4))),
    on("flatten_time", MEM),
    on("flatten_time", Shape("tensor", ("B", "1+6P", 4))),
    on("reverse"),
    Case("repeat", {"in": VEC}, {}, {"pattern": "class"}),
    two("repeat", VEC, "like", MEM),
    on("shift"),
    on("class_token"),
    two("add", SEQ, "other", SEQ),
    two("multiply", SEQ, "other", SEQ),
    two("multiply", SEQ, "other", SEQ.with_width(1)),
    two("concatenate", SEQ, "other", SEQ.with_width(3)),
    on("split", parts=2),
    on("split", VEC, parts=8),
    Case("state", {"next": VEC}, {"width": 8, "learned": True}),
    Case("state", {"next": VEC}, {"width": 8}),
    head("next_token", "next token", SEQ, tie=True),
    head("next_token", "next token", SEQ),
    head("class_head", "class", VEC),
    head("value_head", "value", VEC),
    head("class_per_step", "class per step", SEQ),
    head("forecast_head", "forecast", SEQ),
    head("notes_head", "notes", SEQ),
]
HEAD_SHAPES = {
    "next_token": ("B", "T", 11),
    "class_head": ("B", 7),
    "value_head": ("B", 1),
    "class_per_step": ("B", "T", 7),
    "forecast_head": ("B", "T", 8),
    "notes_head": ("B", "T", 4),
}
# Groups and cells have no module of their own, boundaries and imported modules none at all.
STRUCTURAL = {"opaque"} | {kind.kind for kind in STRUCTURE} - {"state"}


def size(dims: tuple[Dim, ...]) -> list[int]:

    return [dim if isinstance(dim, int) else SIZES[dim] for dim in dims]


def random_state(shape: Shape) -> list[Any]:
    kind, number, hidden = shape.dims
    entry = [torch.randn(1, ROWS, hidden, dtype=torch.float64) for _ in range(2)]
    return [tuple(entry) if kind == "lstm" else entry[0] for _ in range(int(number))]


def random_input(shape: Shape) -> Any:
    if shape.kind == "state":
        return random_state(shape)
    if shape.kind == "ids":
        return torch.randint(9, size(shape.dims))
    return torch.randn(*size(shape.dims), dtype=torch.float64)


def random_inputs(case: Case, seed: int = 1) -> dict[str, Any]:
    torch.manual_seed(seed)
    return {name: random_input(shape) for name, shape in case.ins.items()}


def ports_of(case: Case) -> tuple[tuple[Port, ...], tuple[Port, ...]]:
    kind = KINDS[case.kind]
    if kind.ports is not None:
        return kind.ports(case.context().params)
    return kind.inputs, kind.outputs


def run(
    case: Case, module: nn.Module, given: Mapping[str, Any], **named: Any
) -> tuple[dict[str, Any], Any]:
    """Call a module as a model does; return its outputs by port and its end state."""
    inputs, outputs = ports_of(case)
    kind = KINDS[case.kind]
    if not inputs:
        return {"out": module(random_input(kind.shape(case.context())["out"]))}, None
    args = [given[port.name] for port in inputs if not port.optional]
    if kind.memory:
        args.append(None)
    named |= {p.name: given[p.name] for p in inputs if p.optional and p.name in given}
    result, end = module(*args, **named) if kind.memory else (module(*args, **named), None)
    names = [port.name for port in outputs if port.kind != "state" or not kind.memory] or ["out"]
    values = result if len(names) > 1 else (result,)
    return dict(zip(names, values, strict=True)), end


def declared(case: Case) -> dict[str, Shape]:
    if case.kind in HEAD_SHAPES:
        return {"out": Shape("tensor", HEAD_SHAPES[case.kind])}
    return dict(KINDS[case.kind].shape(case.context()))


def test_every_kind_has_a_case() -> None:
    assert {case.kind for case in CASES} == set(KINDS) - STRUCTURAL


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_declared_shape_and_count_are_those_of_the_module(case: Case) -> None:
    context, module = case.context(), case.module().double().eval()
    kind = KINDS[case.kind]
    if case.kind in HEAD_SHAPES:
        assert kind.shape(context) == {}
    tied = 11 * context.width if context.params.get("tie") else 0  # belongs to the embedding
    assert kind.count(context) == sum(p.numel() for p in module.parameters()) - tied
    outs, end = run(case, module, random_inputs(case))
    shapes = declared(case)
    for name, value in outs.items():
        assert check_value(value, shapes[name]), name
    if kind.memory == "state":
        assert check_value(end, shapes["state"])
    assert set(outs) | ({"state"} if kind.memory == "state" else set()) == set(shapes)
    if kind.macs is not None:
        assert kind.macs(context) >= 0


def varied(case: Case) -> Iterator[Case]:
    """Yield the case with each setting at each of its choices, where shapes allow it."""
    for param in KINDS[case.kind].params:
        numbers = [n for n in (1, 2, 4) if param.low <= n <= param.high]
        choices = [value for value, _ in param.choices]
        values = {"int": numbers, "bool": [True, False], "choice": choices}.get(param.kind, [0.5])
        for value in values:
            changed = replace(case, params={**case.params, param.name: value})
            with contextlib.suppress(ShapeError):
                KINDS[case.kind].shape(changed.context())
                yield changed


@pytest.mark.parametrize("kind", sorted({case.kind for case in CASES}))
def test_the_declared_count_holds_for_every_choice(kind: str) -> None:
    seen = 0
    for case in (case for case in CASES if case.kind == kind):
        for each in varied(case):
            tied = 11 * each.context().width if each.context().params.get("tie") else 0
            own = sum(parameter.numel() for parameter in each.module().parameters())
            assert KINDS[kind].count(each.context()) == own - tied, each
            seen += 1
    assert bool(seen) == bool(KINDS[kind].params)


@pytest.mark.parametrize(
    "case", [c for c in CASES if KINDS[c.kind].macs and not c.params.get("window")], ids=str
)
def test_multiply_adds_are_those_that_torch_counts(case: Case) -> None:
    module, given = case.module().double().train(), random_inputs(case)
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        run(case, module, given)
    counted = KINDS[case.kind].macs
    assert counted is not None
    assert counted(case.context()) * ROWS * 2 == counter.get_total_flops()


def test_a_window_saves_the_products_beyond_it() -> None:
    whole, near = (
        KINDS["self_attention"].macs(on("self_attention", heads=2, window=window).context())
        for window in (0, 1)
    )
    assert whole - near == 2 * 8 * (5 * 5 - 5 * 2)


def check_value(value: Any, shape: Shape) -> bool:
    if shape.kind != "state":
        return list(value.shape) == size(shape.dims)
    kind, number, hidden = shape.dims
    parts = [entry if isinstance(entry, tuple) else (entry,) for entry in value]
    sizes = {tuple(part.shape) for entry in parts for part in entry}
    return (
        len(parts) == number
        and sizes == {(1, ROWS, hidden)}
        and {len(entry) for entry in parts} == {2 if kind == "lstm" else 1}
    )


# ---------------------------------------------------------------------------- padding

PADDED = [case for case in CASES if any(shape.axis in LENGTHS for shape in case.ins.values())]


def only_true(value: Any, dims: tuple[Dim, ...], row: int) -> Any:
    """Return one row of a value without its padding."""
    cut = [slice(row, row + 1)]
    cut += [
        slice(LENGTHS[dim][row]) if isinstance(dim, str) and dim in LENGTHS else slice(None)
        for dim in dims[1:]
    ]
    return value[tuple(cut)]


def lengths_for(case: Case) -> dict[str, Tensor]:
    told = {}
    for name in KINDS[case.kind].masks:
        axis = case.ins[name].axis if name in case.ins else ""
        if axis in LENGTHS:
            key = "lengths" if name == "in" else f"{name}_lengths"
            told[key] = torch.tensor(LENGTHS[axis])
    return told


def row_of_state(state: Any, row: int) -> Any:
    if isinstance(state, Tensor):
        return state[:, row : row + 1]
    return type(state)(row_of_state(part, row) for part in state)


def take_row(case: Case, given: Mapping[str, Any], row: int) -> dict[str, Any]:
    return {
        name: row_of_state(value, row)
        if case.ins[name].kind == "state"
        else only_true(value, case.ins[name].dims, row)
        for name, value in given.items()
    }


@pytest.mark.parametrize("case", PADDED, ids=str)
def test_padding_changes_nothing(case: Case) -> None:
    module = case.module().double().eval()
    given = random_inputs(case)
    whole, end = run(case, module, given, **lengths_for(case))
    shapes = declared(case)
    for row in range(ROWS):
        alone, last = run(case, module, take_row(case, given, row))
        for name, value in alone.items():
            expected = only_true(whole[name], shapes[name].dims, row)
            value = only_true(value, ("B", *shapes[name].dims[1:]), 0) if row == 0 else value
            steps = tuple(slice(length) for length in expected.shape)
            torch.testing.assert_close(value[steps], expected, rtol=0, atol=1e-9)
        if KINDS[case.kind].memory == "state":
            torch.testing.assert_close(last, row_of_state(end, row), rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    "case", [case for case in PADDED if case.ins["in"].kind == "tensor"], ids=str
)
def test_padding_gets_no_gradient(case: Case) -> None:
    module = case.module().double().eval()
    given = random_inputs(case)
    leaves = {
        name: value.requires_grad_() for name, value in given.items() if isinstance(value, Tensor)
    }
    outs, end = run(case, module, given, **lengths_for(case))
    shapes = declared(case)
    total = torch.zeros((), dtype=torch.float64)
    for row in range(ROWS):
        for name, value in outs.items():
            true = only_true(value, shapes[name].dims, row)
            total = total + true[true.isfinite()].square().sum()
    if KINDS[case.kind].memory == "state":
        total = total + sum(part.square().sum() for part in flat(end))
    grads = torch.autograd.grad(total, list(leaves.values()), allow_unused=True)
    for (name, leaf), grad in zip(leaves.items(), grads, strict=True):
        if grad is None:  # only the number of steps is read
            assert name in {"like", "memory"}
            continue
        rest = grad.clone()
        for row in range(ROWS):
            only_true(rest, case.ins[name].dims, row).zero_()
        assert not rest.any(), name
        assert leaf.shape == grad.shape
        assert grad.any(), name


def flat(state: Any) -> list[Tensor]:
    return [state] if isinstance(state, Tensor) else [t for part in state for t in flat(part)]


# ---------------------------------------------------------------------------- time

TIMED = [
    (case, name)
    for case in CASES
    if case.kind not in HEAD_SHAPES and case.ins.get("in", VEC).dims.count("T") == 1
    for name, shape in declared(case).items()
    if shape.dims.count("T") == 1 and case.ins["in"].kind == "tensor"
]


@pytest.mark.parametrize(("case", "name"), TIMED, ids=lambda value: str(value))
def test_a_block_sees_as_far_as_it_declares(case: Case, name: str) -> None:
    sight = KINDS[case.kind].sight(case.context())
    module = case.module().double().eval()
    given = random_inputs(case)
    moved = [port for port, shape in case.ins.items() if "T" in shape.dims]
    axis = declared(case)[name].dims.index("T")

    def out(steps: slice) -> Tensor:
        """Return the output when these steps of every input along T are other ones."""
        changed = dict(given)
        for port in moved:
            value = given[port].clone()
            place = case.ins[port].dims.index("T")
            value.movedim(place, 0)[steps] *= torch.rand(value.shape[-1]) + 1.5
            changed[port] = value
        return run(case, module, changed)[0][name].movedim(axis, 0)

    before = run(case, module, given)[0][name].movedim(axis, 0)
    later, earlier = out(slice(3, None)), out(slice(2))
    if sight == "all":
        assert not torch.equal(out(slice(1, None))[0], before[0])
        return
    assert torch.equal(later[:3], before[:3])
    assert torch.equal(earlier[2:], before[2:]) == (sight == "step")


@pytest.mark.parametrize(
    "case", [case for case in CASES if KINDS[case.kind].memory == "cache"], ids=str
)
def test_writing_step_by_step_gives_what_the_whole_window_gives(case: Case) -> None:
    if not case.context().params.get("causal", True):
        return
    module = case.module().double().eval()
    given = random_inputs(case)
    whole = run(case, module, given)[0]["out"]
    state: Any = ()
    for t in range(whole.shape[1]):
        args = [given["in"][:, t : t + 1], *(given[p] for p in given if p != "in")]
        y, state = module(*args, state)
        torch.testing.assert_close(y[:, 0], whole[:, t], rtol=0, atol=1e-9)


@pytest.mark.parametrize("kind", ["rnn", "gru", "lstm"])
@pytest.mark.parametrize("peepholes", [False, True])
def test_a_state_carried_between_windows_is_as_good_as_one_window(
    kind: str, peepholes: bool
) -> None:
    params: dict[str, Any] = {"peepholes": True} if peepholes and kind == "lstm" else {}
    module = on(kind, residual=True, layers=3, **params).module().double()
    x = torch.randn(ROWS, 8, 8, dtype=torch.float64)
    whole, end = module(x)
    first, state = module(x[:, :3])
    second, last = module(x[:, 3:], state)
    torch.testing.assert_close(torch.cat([first, second], 1), whole, rtol=0, atol=1e-12)
    torch.testing.assert_close(last, end, rtol=0, atol=1e-12)
    started, _ = module(x[:, 3:], start=state)
    assert torch.equal(started, second)
    carried, _ = module(x[:, 3:], state, start=[torch.zeros_like(s) for s in flat(state)])
    assert torch.equal(carried, second), "a carried state goes before a start"
