"""Blocks without weights that read best as a formula: h + x in the place of a module Add."""

from __future__ import annotations

from seqstudio.blocks.plan import Node

FUNCTIONS = {"nn.Tanh": "torch.tanh", "nn.Sigmoid": "torch.sigmoid", "nn.ReLU": "torch.relu"}
_OPERATORS = {"Add": "+", "Multiply": "*"}


def is_formula(node: Node) -> bool:
    """Tell whether a block is written as a formula and has no module in the code."""
    cls = node.call.cls
    if cls == "Split":
        return not node.muted
    return cls in {*FUNCTIONS, *_OPERATORS, "Scale", "Concatenate"}


def formula(node: Node, args: list[str]) -> str:
    """Return the formula of a block over the expressions of its inputs."""
    cls = node.call.cls
    if cls in _OPERATORS:
        return f" {_OPERATORS[cls]} ".join(args)
    if cls in FUNCTIONS:
        return f"{FUNCTIONS[cls]}({args[0]})"
    if cls == "Scale":
        return f"{node.call.args['factor']!r} * {args[0]}"
    if cls == "Split":
        return f"{args[0]}.chunk({node.call.args['parts']}, -1)"
    return f"torch.cat([{', '.join(args)}], -1)"
