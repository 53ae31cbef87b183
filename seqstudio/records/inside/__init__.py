"""Questions about a model and their answers: frozen records, a module for each kind of look.

Definitions of every quantity: docs/diagnostics.md. Shape legend: T time steps, V vocabulary,
H heads, N units of a layer.
"""

from __future__ import annotations

from seqstudio.records.inside import (
    attention,
    cells,
    embedding,
    gates,
    gradients,
    measuring,
    player,
    predictions,
    spectrum,
    surgery,
    trying,
    writing,
)

MODULES = (
    attention, cells, embedding, gates, gradients, measuring, player, predictions, spectrum,
    surgery, writing,
    *trying.MODULES,
)  # fmt: skip
