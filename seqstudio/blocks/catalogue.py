"""All blocks there are, by kind and by family. Adding a block: declare it, list it here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from seqstudio.blocks.declaration import BlockKind
from seqstudio.blocks.kinds.attention import ATTENTION
from seqstudio.blocks.kinds.dense import DENSE
from seqstudio.blocks.kinds.glue import GLUE
from seqstudio.blocks.kinds.heads import HEADS
from seqstudio.blocks.kinds.opaque import OPAQUE
from seqstudio.blocks.kinds.pictures import PICTURES
from seqstudio.blocks.kinds.recurrent import RECURRENT
from seqstudio.blocks.kinds.scores import SCORE_GLUE, SCORES
from seqstudio.blocks.kinds.sources import POSITIONS, SOURCES
from seqstudio.blocks.kinds.steps import STEPS
from seqstudio.blocks.kinds.structure import CELL, STRUCTURE

_ALL = (
    *SOURCES,
    *PICTURES,
    *RECURRENT,
    CELL,
    *ATTENTION,
    POSITIONS,
    *SCORES,
    *DENSE,
    *STEPS,
    *GLUE,
    *SCORE_GLUE,
    *(kind for kind in STRUCTURE if kind is not CELL),
    OPAQUE,
    *HEADS,
)

KINDS: Mapping[str, BlockKind] = MappingProxyType({block.kind: block for block in _ALL})


def families() -> dict[str, list[BlockKind]]:
    """Return the blocks of each family, families and blocks in palette order."""
    groups: dict[str, list[BlockKind]] = {}
    for kind in _ALL:
        if kind is OPAQUE:  # it comes with an import, nobody draws it
            continue
        groups.setdefault(kind.family, []).append(kind)
    return groups
