"""Weights of a fused block in the circuit that it opens into, and of one model in the next.

An opened block that nobody changed computes the same as the fused one: outputs, gradients, states.
Where torch keeps two biases that are only ever added, the opened gate has their sum.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from seqstudio.blocks.insides import RNN_KINDS
from seqstudio.engine.circuit import Circuit
from seqstudio.engine.model import GraphModel

Tensors = Mapping[str, Tensor]
Parts = dict[str, tuple[str, Tensors]]
"""What the blocks inside get, by id: the kind that they have in the catalogue, and tensors."""


@dataclass
class Carried:
    """What became of the weights of a new model.

    Attributes:
        kept: Names of the parameters that were taken over.
        fresh: Names of those that start anew.
    """

    kept: list[str] = field(default_factory=list)
    fresh: list[str] = field(default_factory=list)


def carry_over(old: GraphModel, new: GraphModel) -> Carried:
    """Copy into `new` what `old` has learned: same place and shape, or an opened block's parts.

    Returns:
        Names of the parameters of `new` that were kept, and of those that start afresh.
    """
    taken = set[str]()
    with torch.no_grad():
        _between(old, new, "", taken)
    carried = Carried()
    for name, _ in new.named_parameters():
        (carried.kept if name in taken else carried.fresh).append(name)
    return carried


def transfer(kind: str, fused: nn.Module, opened: Circuit) -> Carried:
    """Copy the weights of a fused block of the catalogue into its opened form.

    Args:
        kind: Key of the fused block in the catalogue.
        fused: Its module.
        opened: What `blocks.opening.opened` of that block was built into.
    """
    taken = set[str]()
    with torch.no_grad():
        _pour(kind, dict(fused.named_parameters()), opened, "", taken)
    names = [name for name, _ in opened.named_parameters()]
    return Carried([n for n in names if n in taken], [n for n in names if n not in taken])


def parts_of(kind: str, tensors: Tensors) -> Parts:
    """Return what the blocks inside an opened block get of the fused block's tensors.

    It works for weights and for gradients alike; a gate's bias is the sum of both biases of torch.
    """
    if kind in RNN_KINDS:
        return _recurrent_parts(kind, tensors)
    rule = _RULES.get(kind)
    return rule(tensors) if rule else {}


def _between(old: Circuit, new: Circuit, prefix: str, taken: set[str]) -> None:
    """Copy from the blocks of one circuit to those with the same id in another."""
    before = {node.block: node for node in old.nodes}
    for node in new.nodes:
        source = before.get(node.block)
        if source is None:
            continue
        module, learned = new.blocks[node.name], old.blocks[source.name]
        place = f"{prefix}blocks.{node.name}."
        if isinstance(module, Circuit) and isinstance(learned, Circuit):
            _between(learned, module, place, taken)
        else:
            _pour(source.kind, dict(learned.named_parameters()), module, place, taken)
    _copy(_starts(old), new, prefix, taken)


def _starts(circuit: Circuit) -> dict[str, Tensor]:
    """Return the learned start values of a cell's states."""
    return {n: p for n, p in circuit.named_parameters() if n.startswith("states.")}


def _pour(kind: str, tensors: Tensors, module: nn.Module, prefix: str, taken: set[str]) -> None:
    """Copy the tensors of a block of the catalogue into its module, opened or not."""
    if not isinstance(module, Circuit):
        _copy(tensors, module, prefix, taken)
        return
    parts = parts_of(kind, tensors)
    for node in module.nodes:
        if node.block in parts:
            inner, given = parts[node.block]
            place = f"{prefix}blocks.{node.name}."
            _pour(inner, given, module.blocks[node.name], place, taken)


def _copy(tensors: Tensors, module: nn.Module, prefix: str, taken: set[str]) -> None:
    for name, parameter in module.named_parameters():
        given = tensors.get(name)
        if given is not None and given.shape == parameter.shape:
            parameter.copy_(given)
            taken.add(prefix + name)


# What goes where


def _below(tensors: Tensors, prefix: str, name: str = "") -> dict[str, Tensor]:
    """Return the tensors under a prefix, with `name` in its place."""
    return {name + k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _recurrent_parts(kind: str, tensors: Tensors) -> Parts:
    layers = {key.split(".")[1] for key in tensors if key.startswith("cells.")}
    back = any(key.startswith("back.") for key in tensors)
    if len(layers) == 1 and not back:
        return _CELL_RULES[kind](_below(tensors, "cells.0."))
    parts: Parts = {}
    for number in map(int, layers):
        name = f"{number + 1}"
        parts[f"layer{name}"] = kind, _below(tensors, f"cells.{number}.", "cells.0.")
        parts[f"back{name}"] = kind, _below(tensors, f"back.{number}.", "cells.0.")
    return parts


def _gates(cell: Tensors, names: tuple[str, ...]) -> Parts:
    """Return the parts of gates phi(W x + U h + b) that lie stacked in a cell of torch."""
    count = len(names)
    bias = cell["bias_ih_l0"] + cell["bias_hh_l0"]
    stacked = zip(
        names, cell["weight_ih_l0"].chunk(count), cell["weight_hh_l0"].chunk(count),
        bias.chunk(count), strict=True,
    )  # fmt: skip
    return {
        name: ("gate", {"input.weight": w, "state.weight": u, "input.bias": b})
        for name, w, u, b in stacked
    }


def _lstm_parts(cell: Tensors) -> Parts:
    parts = _gates(cell, ("input", "forget", "candidate", "output"))
    for name in ("input", "forget", "output"):
        peephole = cell.get(f"peep_{name[0]}")
        if peephole is not None:
            parts[f"see_{name}"] = "scale", {"weight": peephole}
    return parts


def _gru_parts(cell: Tensors) -> Parts:
    parts = _gates(cell, ("reset", "update", "candidate"))
    del parts["candidate"]  # its two halves stand apart: the reset gate lies between them
    for name, side in (("from_x", "ih"), ("from_h", "hh")):
        weight, bias = cell[f"weight_{side}_l0"].chunk(3)[2], cell[f"bias_{side}_l0"].chunk(3)[2]
        parts[name] = "linear", {"weight": weight, "bias": bias}
    return parts


def _self_attention_parts(tensors: Tensors) -> Parts:
    return _projections(tensors, "qkv", ("query", "key", "value"))


def _cross_attention_parts(tensors: Tensors) -> Parts:
    return {"query": ("linear", _below(tensors, "q.")),
            **_projections(tensors, "kv", ("key", "value"))}  # fmt: skip


def _projections(tensors: Tensors, stacked: str, names: tuple[str, ...]) -> Parts:
    weights = tensors[f"{stacked}.weight"].chunk(len(names))
    biases = tensors[f"{stacked}.bias"].chunk(len(names))
    parts: Parts = {
        name: ("linear", {"weight": weight, "bias": bias})
        for name, weight, bias in zip(names, weights, biases, strict=True)
    }
    parts["project"] = "linear", _below(tensors, "out.")
    return parts


def _layers_of(kind: str) -> Callable[[Tensors], Parts]:
    """Return the rule of transformer blocks in a row, or of a single one."""

    def rule(tensors: Tensors) -> Parts:
        numbers = {int(key.split(".")[1]) for key in tensors}
        if len(numbers) > 1:
            return {
                f"layer{n + 1}": (kind, _below(tensors, f"blocks.{n}.", "blocks.0."))
                for n in numbers
            }
        one = _below(tensors, "blocks.0.")
        kinds = {"attention": "self_attention", "cross": "cross_attention"}
        names = {key.split(".")[0] for key in one}
        return {name: (kinds.get(name, ""), _below(one, f"{name}.")) for name in names}

    return rule


def _mlp_parts(tensors: Tensors) -> Parts:
    numbers = {int(key.split(".")[1]) for key in tensors if key.startswith("hidden.")}
    parts: Parts = {f"hidden{n + 1}": ("linear", _below(tensors, f"hidden.{n}.")) for n in numbers}
    parts["project"] = "linear", _below(tensors, "out.")
    return parts


_CELL_RULES: Mapping[str, Callable[[Tensors], Parts]] = {
    "rnn": lambda cell: _gates(cell, ("gate",)),
    "gru": _gru_parts,
    "lstm": _lstm_parts,
}
_RULES: Mapping[str, Callable[[Tensors], Parts]] = {
    "self_attention": _self_attention_parts,
    "cross_attention": _cross_attention_parts,
    "transformer": _layers_of("transformer"),
    "encoder_stack": _layers_of("encoder_stack"),
    "decoder_stack": _layers_of("decoder_stack"),
    "perceptron": lambda tensors: {"linear": ("linear", _below(tensors, "linear."))},
    "mlp": _mlp_parts,
}
