"""Measuring probes: gradients through time of a training step, horizons, attention weights.

A probe leaves parameters, their `.grad`, training flags and random numbers as they were. The
model does not know that it is watched: everything is observed through forward hooks that are
gone again when a probe ends. Definitions: docs/diagnostics.md.

Shape legend: B rows, T time steps, N units, K loss positions, E input features, H heads.
"""

from seqstudio.engine.probes.attention import attention
from seqstudio.engine.probes.horizons import (
    Local,
    entries,
    horizons,
    last_cells,
    local_gradients,
    positions,
    under_head,
)
from seqstudio.engine.probes.recurrent import recurrent_cells
from seqstudio.engine.probes.step import StepTap

__all__ = [
    "Local",
    "StepTap",
    "attention",
    "entries",
    "horizons",
    "last_cells",
    "local_gradients",
    "positions",
    "recurrent_cells",
    "under_head",
]
