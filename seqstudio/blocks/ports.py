"""The ports of a block on the canvas: declared, following its settings, or from what is inside."""

from __future__ import annotations

from seqstudio.blocks.catalogue import KINDS
from seqstudio.blocks.declaration import Port
from seqstudio.core.errors import SeqError
from seqstudio.document.graph import Block
from seqstudio.document.param import Param

INLET, OUTLET, STATE = "inlet", "outlet", "state"
COMPOSITES = frozenset({"group", "cell"})


def inputs(block: Block) -> tuple[Port, ...]:
    """Return the ports on the left of a block; () for a kind that is not known."""
    return _ports(block)[0]


def outputs(block: Block) -> tuple[Port, ...]:
    """Return the ports on the right of a block; () for a kind that is not known."""
    return _ports(block)[1]


def port(block: Block, name: str, output: bool) -> Port | None:
    """Return an output or input by name, or None."""
    return next((p for p in (outputs if output else inputs)(block) if p.name == name), None)


def setting(block: Block, name: str) -> Param:
    """Return the declaration of a setting, by a dotted name that of a block inside.

    Raises:
        KeyError: There is no such setting.
    """
    inner, dot, rest = name.partition(".")
    if dot and block.inside is not None:
        return setting(block.inside.blocks[inner], rest)
    return KINDS[block.kind].param(name)


def settings(block: Block) -> dict[str, Param]:
    """Return what the form of a block shows: its own settings and the exposed ones of its inside.

    An exposed setting whose block is gone is left out.
    """
    own = {param.name: param for param in KINDS[block.kind].params} if block.kind in KINDS else {}
    for name in block.exposed:
        try:
            own[name] = setting(block, name)
        except KeyError:
            continue
    return own


def _ports(block: Block) -> tuple[tuple[Port, ...], tuple[Port, ...]]:
    kind = KINDS.get(block.kind)
    if kind is None:
        return (), ()
    if block.inside is not None:
        return tuple(map(_inlet_port, inlets(block))), tuple(map(_outlet_port, outlets(block)))
    if kind.ports is not None:
        try:
            return kind.ports(kind.parse(block.params))
        except SeqError:  # a setting out of range: the check reports it
            return kind.ports(kind.defaults())
    return kind.inputs, kind.outputs


def inlets(block: Block) -> list[Block]:
    """Return the blocks inside that stand for its inputs, in the order of the ports."""
    return [inner for inner in block.inside or () if inner.kind == INLET]


def outlets(block: Block) -> list[Block]:
    """Return the blocks inside that stand for its outputs, in the order of the ports."""
    return [inner for inner in block.inside or () if inner.kind == OUTLET]


def _inlet_port(inner: Block) -> Port:
    (inside,) = outputs(inner)
    optional = bool(inner.params.get("optional", False))
    return Port(inner.id, inner.title or inner.id, inside.kind, optional=optional)


def _outlet_port(inner: Block) -> Port:
    (inside,) = inputs(inner)
    return Port(inner.id, inner.title or inner.id, inside.kind)
