"""What a recurrent layer does over a text: its gates and states, and the path of states.

Definitions: docs/diagnostics.md section 2.5 and docs/diagnostics/gates.md.
Shape legend: T time steps, N units, D distances.
"""

from __future__ import annotations

from dataclasses import dataclass

from seqstudio.records.readings import Floats


@dataclass(frozen=True)
class LayerName:
    """A layer whose units can be looked at.

    Attributes:
        block: Id of its block.
        layer: Number in the block, from 0.
        back: It reads from the end to the start.
        arch: "rnn", "gru", "lstm", "transformer" or "custom1".
        units: N.
    """

    block: str
    layer: int
    back: bool
    arch: str
    units: int


@dataclass(frozen=True)
class GatesOf:
    """Ask for the gates and states of one recurrent layer over a text.

    Attributes:
        steps: Longest part of the text to read.
        block: Id of the block, "" for the topmost layer.
        layer: Number in the block.
        back: The layer that reads from the end.
        decay: Measure also how the gradient by the state decays, see `Decay`.
    """

    steps: int = 256
    block: str = ""
    layer: int = 0
    back: bool = False
    decay: bool = False


@dataclass(frozen=True)
class GateTrace:
    """One gate or state of every unit at every step.

    Attributes:
        name: Its letter: "i", "f", "g", "o", "r", "z", "n", "h", "c", or what a person called it.
        title: In words: "forget gate f (keep)".
        kind: "gate" for 0 to 1, "signed" around zero, "positive" from 0 up.
        values: (T, N) float32, or float64 where the model is.
    """

    name: str
    title: str
    kind: str
    values: Floats


@dataclass(frozen=True)
class Decay:
    """How the gradient by the kept state shrinks with the distance from its loss.

    Both curves are log10 of the norm relative to distance 0, the median over losses.

    Attributes:
        state: "c" or "h": whose gradient it is.
        carousel: (D,) what the keeping gate alone would leave: the feedback through h cut.
        measured: (D,) the true total gradient.
        carousel_slope: Decades per step, least squares from distance 5 on; NaN with few points.
        measured_slope: The same of the true one.
        losses: Losses behind the medians at distance 0.
    """

    state: str
    carousel: Floats
    measured: Floats
    carousel_slope: float
    measured_slope: float
    losses: int


@dataclass(frozen=True)
class CellRun:
    """What one recurrent layer did over a text.

    Attributes:
        layer: Which one.
        layers: All that could be asked for.
        tokens: (T,) what it reads at every step.
        traces: Its gates, then its states.
        keep: Name of the gate that keeps the state, "" where there is none.
        skipped: Characters of the text that the model does not know and that were left out.
        cut: Steps of the text that were left off at its end.
        decay: None where it was not asked for, or is not defined.
    """

    layer: LayerName
    layers: tuple[LayerName, ...]
    tokens: tuple[str, ...]
    traces: tuple[GateTrace, ...]
    keep: str
    skipped: tuple[str, ...]
    cut: int
    decay: Decay | None


@dataclass(frozen=True)
class TextStatesOf:
    """Ask for the states of every layer over a text.

    Attributes:
        steps: Longest part of the text to read.
    """

    steps: int = 256


@dataclass(frozen=True)
class LayerStates:
    """States of one layer.

    Attributes:
        layer: Which one.
        state: "h", "c", "residual" for what leaves a transformer block, or a name of the person.
        values: (T, N).
    """

    layer: LayerName
    state: str
    values: Floats


@dataclass(frozen=True)
class TextStates:
    """The states of every layer of a model over a text.

    Attributes:
        tokens: (T,) what the model reads at every step.
        layers: From the input to the head; those that read another sequence are left out.
        skipped: Characters of the text that the model does not know and that were left out.
        cut: Steps of the text that were left off at its end.
    """

    tokens: tuple[str, ...]
    layers: tuple[LayerStates, ...]
    skipped: tuple[str, ...]
    cut: int
