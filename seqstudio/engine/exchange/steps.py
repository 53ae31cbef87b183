"""What a traced torch module does, step by step, as blocks and wires.

A step is plain data that `seqstudio.engine.exchange.tracer` wrote: a layer with its settings, or a
function with its arguments. Where a layer works otherwise than ours, or there is no block for it,
an opaque block takes its place and says why.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seqstudio.blocks import ports
from seqstudio.blocks.catalogue import KINDS
from seqstudio.blocks.kinds.opaque import MOST_PORTS, kept_code
from seqstudio.core.errors import SeqError
from seqstudio.document.graph import Block, Graph, Wire
from seqstudio.document.param import Value

Step = Mapping[str, Any]
_ACTIVATIONS = {
    "nn.Tanh": "tanh", "nn.ReLU": "relu", "nn.GELU": "gelu", "nn.Sigmoid": "sigmoid",
    "nn.Softplus": "softplus", "nn.SiLU": "silu", "tanh": "tanh", "relu": "relu", "gelu": "gelu",
    "sigmoid": "sigmoid", "softplus": "softplus", "silu": "silu", "tanh_": "tanh",
    "relu_": "relu",
}  # fmt: skip
_ALL = {"slice": [None, None, None]}


class NoBlockError(SeqError):
    """No block stands for a step; `what` says why."""


@dataclass(frozen=True)
class Out:
    """The output of a block.

    Attributes:
        block: Id of the block.
        port: Its output.
        time: Whether it is a sequence.
    """

    block: str
    port: str = "out"
    time: bool = True


@dataclass(frozen=True)
class Turned:
    """A value with its last two dimensions swapped: only a matrix product takes it."""

    value: Out


@dataclass(frozen=True)
class Ends:
    """The last h of a recurrent block, one a layer; or, of a tuple, what has no use here."""

    of: Out
    both_ways: bool


Held = Out | Turned | Ends | tuple["Held", ...] | None


class Drawing:
    """Draws steps.

    Attributes:
        graph: Blocks and wires so far.
        notes: What a person should know.
        source: What the second input is: "", "ids".
        input: What the first input is: "ids" or "vectors".
        pattern: What is predicted.
    """

    def __init__(self, steps: Sequence[Step]) -> None:
        self.steps = steps
        self.graph = Graph()
        self.notes: list[str] = []
        self.input = "ids"
        self.source = ""
        self.pattern = "next token"
        self._held: dict[str, Held] = {}
        self._settings: dict[str, Step] = {}
        self._symbols = 0

    def draw(self) -> None:
        """Draw all steps.

        Raises:
            NoBlockError: Nothing in the module can be drawn.
        """
        for step in self.steps:
            match step["op"]:
                case "input":
                    self._input(step)
                case "output":
                    self._output(step)
                case _ if step["target"].startswith("_assert"):  # that an argument is left out
                    continue
                case _:
                    self._held[step["name"]] = self._drawn(step)

    def _drawn(self, step: Step) -> Held:
        try:
            if step["op"] == "module":
                return self._layer(step)
            return self._function(step)
        except NoBlockError as reason:
            return self._opaque(step, reason.what)
        except (IndexError, KeyError, TypeError, ValueError):
            return self._opaque(step, "it is called in a way that is not known here")

    # ---------------------------------------------------------------- streams

    def _input(self, step: Step) -> None:
        ids = self._is_looked_up(step["name"])
        if any(KINDS[block.kind].stream for block in self.graph):
            kind, self.source = "source_tokens", "ids"
            if not ids or self.input != "ids":
                raise NoBlockError("The module takes two inputs that are not both tokens",
                              "SeqStudio reads a second input of tokens only")  # fmt: skip
        else:
            kind, self.input = ("tokens", "ids") if ids else ("vectors", "vectors")
        self._held[step["name"]] = self._add(kind, kind, {}, [])

    def _is_looked_up(self, name: str) -> bool:
        return any(
            step.get("cls") in {"nn.Embedding", "nn.EmbeddingBag"}
            or step["target"] in {"embedding", "one_hot"}
            for step in self.steps
            if {"ref": name} in step["args"]
        )

    def _output(self, step: Step) -> None:
        (given,) = step["args"]
        first = given[0] if isinstance(given, list) else given
        value = self._value(first)
        last = self.graph.blocks[value.block]
        if last.kind == "softmax":
            self.notes.append("The last softmax is left out: the loss takes scores")
            value = self._before(last)
            last = self.graph.blocks[value.block]
        width = int(last.params.get("width", 0)) if last.kind == "linear" else 0
        self.pattern, kind = self._predicts(width, value.time)
        if width:
            self._becomes_head(last, kind)
        else:
            self._add(kind, kind, {}, [value])
            self.notes.append(f"{KINDS[kind].title} was added: the module does not end in Linear")

    def _predicts(self, width: int, time: bool) -> tuple[str, str]:
        if time and self.input == "ids" and width == self._symbols:
            return "next token", "next_token"
        if time:
            return "class per step", "class_per_step"
        return ("value", "value_head") if width == 1 else ("class", "class_head")

    def _before(self, block: Block) -> Out:
        wire = self.graph.into(block.id)["in"]
        time = True
        for held in self._held.values():
            if isinstance(held, Out) and held.block == block.id:
                time = held.time
        self.graph = self.graph.without_blocks([block.id])
        return Out(wire.source, wire.out, time)

    def _becomes_head(self, last: Block, kind: str) -> None:
        """Put the head in the place of the last linear layer: it has one of its own."""
        wire = self.graph.into(last.id)["in"]
        self.graph = self.graph.without_blocks([last.id])
        key = self.graph.new_id(last.id)
        head = Block(key, kind, params=KINDS[kind].defaults())
        self.graph = self.graph.with_block(head).with_wire(Wire(wire.source, wire.out, key, "in"))

    # ---------------------------------------------------------------- layers

    def _layer(self, step: Step) -> Held:
        draw = _LAYERS.get(step["cls"])
        if draw is not None:
            return draw(self, step)
        if step["cls"] in _ACTIVATIONS:
            if step["settings"].get("approximate", "none") != "none":
                raise NoBlockError("its GELU is an approximation, ours is exact")
            return self._shaped("activation", step, {"function": _ACTIVATIONS[step["cls"]]})
        raise NoBlockError("SeqStudio has no block for it")

    def _shaped(self, kind: str, step: Step, params: Mapping[str, Value]) -> Out:
        """Add a block that leaves the sequence as it is."""
        value = self._value(step["args"][0])
        return self._add(kind, _stem(step), params, [value], time=value.time)

    def embedding(self, step: Step) -> Held:
        """Draw nn.Embedding."""
        if not self._symbols:
            self._symbols = step["settings"]["num_embeddings"]
        return self._shaped("embedding", step, {"width": step["settings"]["embedding_dim"]})

    def linear(self, step: Step) -> Held:
        """Draw nn.Linear."""
        wish = step["settings"]
        return self._shaped("linear", step, {"width": wish["out_features"], "bias": wish["bias"]})

    def dropout(self, step: Step) -> Held:
        """Draw nn.Dropout."""
        if step["settings"]["p"] == 0:
            return self._value(step["args"][0])
        return self._shaped("dropout", step, {"share": step["settings"]["p"]})

    def identity(self, step: Step) -> Held:
        """Draw nn.Identity: nothing."""
        return self._value(step["args"][0])

    def layer_norm(self, step: Step) -> Held:
        """Draw nn.LayerNorm over the features."""
        wish = step["settings"]
        if len(wish["normalized_shape"]) != 1:
            raise NoBlockError("it normalises more than the features")
        if not wish["elementwise_affine"] or wish["eps"] != 1e-5 or not wish["bias"]:
            raise NoBlockError("its settings are not those of our layer norm")
        return self._shaped("layer_norm", step, {})

    def softmax(self, step: Step) -> Held:
        """Draw nn.Softmax over the features."""
        if step["settings"].get("dim") != -1:
            raise NoBlockError("its softmax does not run over the last dimension")
        return self._shaped("softmax", step, {})

    def recurrent(self, step: Step) -> Held:
        """Draw nn.LSTM, nn.GRU or nn.RNN."""
        wish = step["settings"]
        kind = step["cls"].removeprefix("nn.").lower()
        if not wish["batch_first"]:
            raise NoBlockError("its first axis is time; ours is the row (batch_first=True)")
        if not wish["bias"] or wish.get("proj_size"):
            raise NoBlockError("it has no biases, or projects its output")
        if len(step["args"]) > 1 and step["args"][1] is not None:
            raise NoBlockError("it starts from a state that the module computes itself")
        params: dict[str, Value] = {
            "hidden": wish["hidden_size"], "layers": wish["num_layers"],
            "bidirectional": wish["bidirectional"], "dropout": float(wish["dropout"]),
        }  # fmt: skip
        if kind == "lstm":
            params["forget_bias"] = 0.0
        if kind == "rnn":
            params["nonlinearity"] = wish["nonlinearity"]
        out = self._shaped(kind, step, params)
        ends = Ends(out, bool(wish["bidirectional"]))
        return (out, (ends, None)) if kind == "lstm" else (out, ends)

    def attention(self, step: Step) -> Held:
        """Draw nn.MultiheadAttention, of a sequence to itself or to another."""
        wish, named = step["settings"], step["named"]
        if not wish["batch_first"] or not wish.get("num_heads"):
            raise NoBlockError("its first axis is time; ours is the row (batch_first=True)")
        masked = [
            name for name in ("attn_mask", "key_padding_mask") if named.get(name) is not None
        ]
        if masked or named.get("is_causal"):
            raise NoBlockError(f"it takes a mask ({', '.join(masked) or 'is_causal'})")
        given = [*step["args"], *(named[n] for n in ("query", "key", "value") if n in named)][:3]
        query, key, value = map(self._value, given)
        if key != value:
            raise NoBlockError("its keys and values are two different things")
        heads: dict[str, Value] = {"heads": wish["num_heads"], "dropout": float(wish["dropout"])}
        if query == key:
            plain = {**heads, "causal": False, "positions": "none", "window": 0}
            return (self._add("self_attention", _stem(step), plain, [query]), None)
        return (self._add("cross_attention", _stem(step), heads, [query, key]), None)

    def encoder_layer(self, step: Step) -> Held:
        """Draw nn.TransformerEncoderLayer."""
        self._plain_call(step)
        return self._shaped("encoder_stack", step, _encoder(step["settings"], 1))

    def encoder(self, step: Step) -> Held:
        """Draw nn.TransformerEncoder."""
        self._plain_call(step)
        layers = step["settings"]["layers"]
        wishes = [_encoder(each["settings"], len(layers)) for each in layers]
        if any(wish != wishes[0] for wish in wishes):
            raise NoBlockError("its layers differ")
        out = self._shaped("encoder_stack", step, wishes[0])
        if not step["settings"]["norm"]:
            return out
        return self._add("layer_norm", "norm", {}, [out], time=out.time)

    @staticmethod
    def _plain_call(step: Step) -> None:
        if len(step["args"]) > 1 or any(v is not None for v in step["named"].values()):
            raise NoBlockError("it takes a mask")

    # ---------------------------------------------------------------- functions

    def _function(self, step: Step) -> Held:
        target, args = step["target"], step["args"]
        if target in _ACTIVATIONS:
            return self._shaped("activation", step, {"function": _ACTIVATIONS[target]})
        if target == "getitem":
            return self._item(self._raw(args[0]), args[1])
        draw = _FUNCTIONS.get(target)
        if draw is None:
            raise NoBlockError("SeqStudio has no block for it")
        return draw(self, step)

    def total(self, step: Step) -> Held:
        """Draw x + y."""
        return self._pair("add", step["args"])

    def _pair(self, kind: str, args: Sequence[Any]) -> Held:
        first, other = (self._value(arg) for arg in args[:2])
        return self._add(kind, kind, {}, [first, other], time=first.time)

    def product(self, step: Step) -> Held:
        """Draw x * y, or x times a number."""
        args = step["args"]
        factors = [arg for arg in args if isinstance(arg, (int, float))]
        if not factors:
            return self._pair("multiply", args)
        value = self._value(next(arg for arg in args if isinstance(arg, dict)))
        return self._scaled(value, float(factors[0]))

    def _scaled(self, value: Out, factor: float) -> Out:
        return self._add("scale", "scale", {"factor": factor}, [value], time=value.time)

    def quotient(self, step: Step) -> Held:
        """Draw x / number."""
        value, by = step["args"]
        if not isinstance(by, (int, float)) or not by:
            raise NoBlockError("it divides by something that is computed")
        return self._scaled(self._value(value), 1 / by)

    def difference(self, step: Step) -> Held:
        """Draw x - y as x + (-1) y."""
        first, other = (self._value(arg) for arg in step["args"])
        minus = self._scaled(other, -1.0)
        return self._add("add", "add", {}, [first, minus], time=first.time)

    def dot(self, step: Step) -> Held:
        """Draw x @ y."""
        args = step["args"]
        first, other = self._value(args[0]), self._raw(args[1])
        turned = isinstance(other, Turned)
        right = other.value if isinstance(other, Turned) else self._value(args[1])
        return self._add(
            "matrix_product", "product", {"transposed": turned}, [first, right], time=first.time
        )

    def join(self, step: Step) -> Held:
        """Draw cat over the features."""
        args = step["args"]
        axis = args[1] if len(args) > 1 else step["named"].get("dim", 0)
        if axis not in {-1, 2}:
            raise NoBlockError("it does not join features")
        out, *others = (self._value(arg) for arg in args[0])
        for other in others:
            out = self._add("concatenate", "concatenate", {}, [out, other], time=out.time)
        return out

    def softmax_of(self, step: Step) -> Held:
        """Draw softmax and log-softmax over the features."""
        axis = _axis(step)
        if axis != -1:
            raise NoBlockError("its softmax does not run over the last dimension")
        return self._shaped("softmax", step, {})

    def over_time(self, step: Step) -> Held:
        """Draw the mean or maximum over the steps."""
        if _axis(step) not in {1, -2} or step["named"].get("keepdim"):
            raise NoBlockError("it does not run over the time steps")
        kind = "mean_time" if step["target"] == "mean" else "max_time"
        out = self._add(kind, kind, {}, [self._value(step["args"][0])], time=False)
        return (out, None) if step["target"] == "max" else out

    def turn(self, step: Step) -> Held:
        """Hold x^T for the matrix product behind it."""
        value, *axes = step["args"]
        if sorted(axes) not in ([-2, -1], [1, 2]):
            raise NoBlockError("it moves the rows or the steps")
        return Turned(self._value(value))

    def reverse(self, step: Step) -> Held:
        """Draw flip over time."""
        axis = step["args"][1] if len(step["args"]) > 1 else step["named"].get("dims")
        if axis not in (1, [1], -2, [-2]):
            raise NoBlockError("it does not turn the time steps round")
        return self._shaped("reverse", step, {})

    def flatten(self, step: Step) -> Held:
        """Draw all steps of a row side by side."""
        wish = step.get("settings", {})
        start = step["args"][1] if len(step["args"]) > 1 else wish.get("start_dim", 1)
        if start != 1:
            raise NoBlockError("it flattens the rows too")
        value = self._value(step["args"][0])
        if not value.time:
            return value
        return self._add("flatten_time", "flatten", {}, [value], time=False)

    def same(self, step: Step) -> Held:
        """Draw nothing: contiguous, and dropout while it is off."""
        return self._value(step["args"][0])

    def dropout_of(self, step: Step) -> Held:
        """Draw F.dropout."""
        share = step["named"].get("p", step["args"][1] if len(step["args"]) > 1 else 0.5)
        return self._shaped("dropout", step, {"share": float(share)})

    def split(self, step: Step) -> Held:
        """Draw chunk over the features."""
        parts = step["args"][1]
        if _axis(step, place=2) != -1:
            raise NoBlockError("it does not split features")
        value = self._value(step["args"][0])
        first = self._add("split", "split", {"parts": parts}, [value], time=value.time)
        outs = ports.outputs(self.graph.blocks[first.block])
        return tuple(Out(first.block, port.name, value.time) for port in outs)

    def select(self, step: Step) -> Held:
        """Draw x.select(1, place), as torch.export writes x[:, place]."""
        value, axis, place = step["args"]
        if isinstance(self._raw(value), Ends) and axis == 0:
            return self._item(self._raw(value), place)
        if axis != 1:
            raise NoBlockError("it takes a part that is no time step")
        return self._item(self._value(value), [_ALL, place])

    def part(self, step: Step) -> Held:
        """Draw x[:] as torch.export writes it: nothing, as long as it is the whole."""
        value, *rest = step["args"]
        if len(rest) > 1 and (rest[1] != 0 or rest[-1] < 2**31):
            raise NoBlockError("it cuts a part out")
        return self._value(value)

    def _item(self, held: Held, index: Any) -> Held:
        """Return a part of a tuple, the last state of a layer, or one time step."""
        if isinstance(held, tuple):
            if not isinstance(index, int):
                raise NoBlockError("it takes a part in a way that is not known")
            return held[index]
        if isinstance(held, Ends):
            if index != -1 or held.both_ways:
                raise NoBlockError("it takes the state of one direction or layer")
            return self._add("last_step", "last", {}, [held.of], time=False)
        if isinstance(held, Out) and held.time and isinstance(index, list) and index[0] == _ALL:
            rest = index[2:] in ([], [_ALL], ["..."])
            if index[1] in {-1, 0} and rest and isinstance(index[1], int):
                kind = "last_step" if index[1] else "first_step"
                return self._add(kind, kind, {}, [held], time=False)
        raise NoBlockError("it takes a part of a tensor that is no time step")

    # ---------------------------------------------------------------- blocks

    def _raw(self, arg: Any) -> Held:
        if isinstance(arg, dict) and "ref" in arg:
            return self._held.get(arg["ref"])
        raise NoBlockError("it takes something that is no value of the model")

    def _value(self, arg: Any) -> Out:
        held = self._raw(arg)
        if isinstance(held, tuple) and isinstance(held[0], Out):
            held = held[0] if len(held) == 1 else None
        if not isinstance(held, Out):
            raise NoBlockError("it takes something that no wire carries")
        return held

    def _add(
        self,
        kind: str,
        stem: str,
        params: Mapping[str, Value],
        values: Sequence[Out],
        time: bool = True,
    ) -> Out:
        """Add a block with its wires; its settings are checked.

        Raises:
            NoBlockError: A setting is out of range.
        """
        try:
            whole = KINDS[kind].parse({**KINDS[kind].defaults(), **params})
        except SeqError as error:
            raise NoBlockError(error.sentence()) from error
        block = Block(self.graph.new_id(stem), kind, params=whole)
        self.graph = self.graph.with_block(block)
        inputs = [port.name for port in ports.inputs(block) if not port.optional]
        for name, value in zip(inputs, values, strict=False):
            self.graph = self.graph.with_wire(Wire(value.block, value.port, block.id, name))
        out = next(iter(ports.outputs(block)), None)
        return Out(block.id, out.name if out else "", time)

    def _opaque(self, step: Step, reason: str) -> Held:
        """Add a block that keeps the place of a step which nothing stands for."""
        refs = _flat([*step["args"], *step["named"].values()])
        values = [held for held in map(self._held.get, refs) if isinstance(held, Out)]
        name = step.get("cls", step["target"]).removeprefix("nn.")
        shown = f"{name} ({step['path']})" if step.get("path") else name
        count = min(max(len(values), 1), MOST_PORTS)
        params: dict[str, Value] = {
            "module": shown, "reason": reason, "code": kept_code(step.get("code", "")),
            "inputs": count, "outputs": 1,
        }  # fmt: skip
        self.notes.append(f"{shown} became an opaque block: {reason}")
        time = values[0].time if values else True
        return self._add("opaque", "opaque", params, values[:count], time=time)


def _encoder(wish: Mapping[str, Any], layers: int) -> dict[str, Value]:
    """Return the settings of our encoder, which must do the same.

    Raises:
        NoBlockError: It works otherwise.
    """
    if not wish["batch_first"]:
        raise NoBlockError("its first axis is time; ours is the row (batch_first=True)")
    if wish["activation"] != "gelu":
        raise NoBlockError(f"its net uses {wish['activation']}, ours GELU")
    if wish["feed_forward"] % wish["embed_dim"]:
        raise NoBlockError("the width of its net is no multiple of the model's")
    return {
        "layers": layers, "heads": wish["num_heads"], "dropout": float(wish["dropout"]),
        "expansion": wish["feed_forward"] // wish["embed_dim"], "positions": "none",
        "norm": "pre" if wish["norm_first"] else "post", "window": 0,
    }  # fmt: skip


def _stem(step: Step) -> str:
    """Return a name for a block from the path of its module, or from what it does."""
    words = [w for w in str(step.get("path", "")).split(".") if w and not w.isdigit()]
    word = words[-1] if words else step["target"]
    return re.sub(r"\W", "_", word.strip("_"))[:40] or "block"


def _axis(step: Step, place: int = 1) -> Any:
    """Return the dimension that a function runs over."""
    args = step["args"]
    found = args[place] if len(args) > place else step["named"].get("dim")
    return found[0] if isinstance(found, list) and len(found) == 1 else found


def _flat(args: Sequence[Any]) -> list[str]:
    """Return the names that arguments refer to."""
    found: list[str] = []
    for arg in args:
        if isinstance(arg, dict) and "ref" in arg:
            found.append(arg["ref"])
        elif isinstance(arg, list):
            found.extend(_flat(arg))
    return found


_LAYERS: Mapping[str, Callable[[Drawing, Step], Held]] = {
    "nn.Embedding": Drawing.embedding,
    "nn.Linear": Drawing.linear,
    "nn.Dropout": Drawing.dropout,
    "nn.Identity": Drawing.identity,
    "nn.LayerNorm": Drawing.layer_norm,
    "nn.Softmax": Drawing.softmax,
    "nn.LogSoftmax": Drawing.softmax,
    "nn.LSTM": Drawing.recurrent,
    "nn.GRU": Drawing.recurrent,
    "nn.RNN": Drawing.recurrent,
    "nn.MultiheadAttention": Drawing.attention,
    "nn.TransformerEncoderLayer": Drawing.encoder_layer,
    "nn.TransformerEncoder": Drawing.encoder,
    "nn.Flatten": Drawing.flatten,
}
_FUNCTIONS: Mapping[str, Callable[[Drawing, Step], Held]] = {
    **dict.fromkeys(("add", "iadd", "add_"), Drawing.total),
    **dict.fromkeys(("mul", "imul", "mul_", "multiply"), Drawing.product),
    **dict.fromkeys(("matmul", "bmm"), Drawing.dot),
    **dict.fromkeys(("cat", "concat", "concatenate"), Drawing.join),
    "truediv": Drawing.quotient,
    "div": Drawing.quotient,
    "sub": Drawing.difference,
    "softmax": Drawing.softmax_of,
    "log_softmax": Drawing.softmax_of,
    "mean": Drawing.over_time,
    "amax": Drawing.over_time,
    "max": Drawing.over_time,
    "transpose": Drawing.turn,
    "flip": Drawing.reverse,
    "flatten": Drawing.flatten,
    "contiguous": Drawing.same,
    "dropout": Drawing.dropout_of,
    "chunk": Drawing.split,
    "select": Drawing.select,
    "slice": Drawing.part,
}
