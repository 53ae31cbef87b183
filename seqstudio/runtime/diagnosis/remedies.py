"""Which treatments fit which finding, the likeliest first."""

from __future__ import annotations

from seqstudio.blocks import treating
from seqstudio.blocks.treating import Make

_SLOWER = (treating.scaled("learning_rate", 0.1, "A tenth of the learning rate"),
           treating.scaled("learning_rate", 0.3, "A third of the learning rate"))  # fmt: skip
_LONGER_MEMORY: tuple[Make, ...] = (
    treating.plain_to("lstm", forget_bias=1.0),
    treating.plain_to("gru"),
    treating.orthogonal,
    treating.identity,
)
REMEDIES: dict[str, tuple[Make, ...]] = {
    "vanishing": (*_LONGER_MEMORY, treating.forget_bias(1.0), treating.forget_bias(3.0),
                  treating.forget_bias(5.0), treating.residual),
    "forget bias": (treating.forget_bias(1.0), treating.forget_bias(5.0), treating.orthogonal,
                    treating.cells_to("gru")),
    "exploding": (treating.clipped, _SLOWER[1], treating.orthogonal,
                  treating.plain_to("lstm", forget_bias=1.0), treating.layer_norm),
    "rate": (*_SLOWER, treating.clipped,
             treating.setting("warmup", 100.0, "Warm up for 100 steps"), treating.layer_norm),
    "small updates": (treating.scaled("learning_rate", 10.0, "Ten times the learning rate"),
                      treating.scaled("learning_rate", 100.0, "A hundred times")),
    "dead": (_SLOWER[1], treating.activation("gelu", "GELU"), treating.tanh_cells,
             treating.layer_norm),
    "saturated": (_SLOWER[1], treating.layer_norm, treating.orthogonal,
                  treating.plain_to("lstm", forget_bias=1.0)),
    "window": (treating.scaled("window", 2.0, "Twice the window"),
               treating.scaled("window", 4.0, "Four times the window")),
    "overfitting": (treating.dropout, treating.setting("stop_patience", 3, "Stop early"),
                    treating.setting("weight_decay", 0.1, "Weight decay 0.1")),
    "guessing": (treating.scaled("learning_rate", 3.0, "Three times the learning rate"),
                 _SLOWER[1], *_LONGER_MEMORY, treating.forget_bias(5.0)),
}  # fmt: skip
