"""What is inside the blocks of the catalogue, drawn with primitives.

Shape legend: B rows, T steps, N units, H heads, D features of a head.
"""

from __future__ import annotations

from collections.abc import Mapping

from seqstudio.blocks.insides import attention, dense, recurrent
from seqstudio.blocks.insides.draft import Opening
from seqstudio.blocks.insides.recurrent import RNN_KINDS

OPENINGS: Mapping[str, Opening] = {
    **recurrent.OPENINGS,
    **attention.OPENINGS,
    **dense.OPENINGS,
}

# What stays to be set outside: settings that one block inside has alone. A width or a number of
# heads is in several blocks at once, which have to agree, so it is changed inside.
EXPOSED: Mapping[str, tuple[str, ...]] = {
    "rnn": ("gate.function",),
    "lstm": ("forget.bias",),
    "self_attention": ("mask.causal", "mask.window", "drop.share"),
    "cross_attention": ("drop.share",),
    "transformer": ("attention.heads", "attention.causal", "attention.window", "up.width"),
    "encoder_stack": ("attention.heads", "attention.window", "up.width"),
    "decoder_stack": ("attention.heads", "attention.window", "cross.heads", "up.width"),
    "perceptron": ("linear.width", "function.function"),
    "mlp": ("project.width",),
}

__all__ = ["EXPOSED", "OPENINGS", "RNN_KINDS"]
