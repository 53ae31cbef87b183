"""What crosses between the window and a trainer: commands in, events out. Frozen, picklable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from seqstudio.records.faults import ApplyGraph, GraphApplied, Remedy
from seqstudio.records.health import HealthReading
from seqstudio.records.looking import LookAt, Looked, LookFailed
from seqstudio.records.peek import PeekAt, Peeked, PeekFailed
from seqstudio.records.readings import (
    AttentionReading,
    GradientReading,
    Metrics,
    RateSweep,
    Sample,
    Validation,
)

State = Literal["starting", "running", "paused", "stopped", "finished", "failed"]


# ------------------------------------------------------------------------------- commands


@dataclass(frozen=True)
class Start:
    """Begin or continue a run.

    Attributes:
        run: Name of the run; every event carries it, and events of older runs are dropped.
        project: Text of the project file.
        base: Folder that relative data paths start from, or "".
        folder: Folder of the run (checkpoints, store); created if needed.
        device: "auto", "cpu", "cuda" or "mps".
        resume: Continue from the folder's last checkpoint.
        paused: Stop before the first step and wait.
        probes: Whether the gradient and attention probes run.
        back_to: Continue from the newest checkpoint at or before this step; -1 takes the newest.
    """

    run: str
    project: str
    base: str
    folder: str
    device: str = "auto"
    resume: bool = False
    paused: bool = False
    probes: bool = True
    back_to: int = -1


@dataclass(frozen=True)
class Pause:
    """Take effect before the next step."""


@dataclass(frozen=True)
class Resume:
    """Go on."""


@dataclass(frozen=True)
class Step:
    """Run exactly `count` steps, with a probe on the last, then be paused."""

    count: int = 1


@dataclass(frozen=True)
class SetLive:
    """Change a live setting of training, or the temperature of samples, between two steps."""

    name: str
    value: float


@dataclass(frozen=True)
class SetProbeText:
    """Look at another text from now on; an attention and gradient reading follows at once."""

    text: str


@dataclass(frozen=True)
class Constraints:
    """What a tune has to keep to while it is written; each at its default asks for nothing.

    Attributes:
        key: "D major": notes outside its scale are not chosen.
        meter: "6/8": bars are filled, neither more nor less.
        lowest: Lowest pitch, MIDI number.
        highest: Highest pitch, MIDI number.
        bars: The tune ends after so many; 0 leaves the end to the model.
        tonic: The last note is the first degree of the key.
    """

    key: str = ""
    meter: str = ""
    lowest: int = 0
    highest: int = 127
    bars: int = 0
    tonic: bool = False


@dataclass(frozen=True)
class Write:
    """Ask for a sample.

    Attributes:
        request: Number that the `Sample` records of the answer carry.
        prompt: What is continued.
        length: Most tokens to write.
        temperature: See `SamplingSettings`, as the next two.
        top_k: Of the likeliest.
        top_p: Of the likeliest.
        seed: Start of the random numbers of the choice.
        constraints: For tunes.
        ahead: Bars after which the writing waits for a `Steer`; 0 never waits.
        after: What follows the place that is filled; "" when nothing does.
        tries: Fillings that are written, of which the one that fits best is kept.
        beams: For a sequence written from a source: beginnings that are kept; 1 is greedy.
    """

    request: int
    prompt: str
    length: int
    temperature: float
    top_k: int
    top_p: float
    seed: int
    constraints: Constraints = Constraints()
    ahead: int = 0
    after: str = ""
    tries: int = 1
    beams: int = 1


@dataclass(frozen=True)
class Steer:
    """Change how a tune is written while it is; holds from the next bar on.

    Attributes:
        request: Of the `Write`. A sample that is done is not steered any more.
        ahead: Bars that may be written, from the beginning; 0 lets it be written to the end.
        stop: End the tune here, as it is.
    """

    request: int
    temperature: float
    top_k: int
    top_p: float
    constraints: Constraints = Constraints()
    ahead: int = 0
    stop: bool = False


@dataclass(frozen=True)
class Checkpoint:
    """Write a checkpoint now."""


@dataclass(frozen=True)
class FindRate:
    """Try rising learning rates on a copy of the model; `RateSweep` records follow."""


@dataclass(frozen=True)
class GiveUp:
    """Break off work beside or before training; the run itself goes on.

    Attributes:
        what: "rate", the search for a learning rate, or "compile", the compiler.
    """

    what: Literal["rate", "compile"]


@dataclass(frozen=True)
class Stop:
    """Finish the step, write a checkpoint, end the run."""


Command = (
    Start
    | Pause
    | Resume
    | Step
    | SetLive
    | SetProbeText
    | FindRate
    | GiveUp
    | ApplyGraph
    | Write
    | Steer
    | Checkpoint
    | Stop
    | PeekAt
    | LookAt
)


# --------------------------------------------------------------------------------- events


@dataclass(frozen=True)
class Ready:
    """The trainer is loaded and waits for a command.

    Attributes:
        devices: Devices it can train on, best first.
        version: Version of torch.
    """

    devices: tuple[str, ...]
    version: str


@dataclass(frozen=True)
class StateChanged:
    """The run is in a new state.

    Attributes:
        state: The new one.
        step: Optimizer steps done.
        detail: What the person may want to know: device, precision, threads, reason.
    """

    state: State
    step: int
    detail: str = ""


@dataclass(frozen=True)
class Facts:
    """What the trainer found out about the run at its start.

    Attributes:
        parameters: Trainable numbers.
        chance: Loss of a uniform guess.
        floor_name: What the floor is, "" while it is being counted.
        floor: Loss of the best method without a network, NaN while unknown.
        unit: Unit of the loss.
        train_tokens: Tokens to learn from, 0 when they are generated.
        valid_tokens: Tokens held out.
        device: Device in use.
        notes: What the person should know about the data.
    """

    parameters: int
    chance: float
    floor_name: str
    floor: float
    unit: str
    train_tokens: int
    valid_tokens: int
    device: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class LiveChanged:
    """A live setting took effect; drawn as a mark on the curves."""

    step: int
    name: str
    value: float


@dataclass(frozen=True)
class Saved:
    """A checkpoint is on the disk."""

    step: int
    path: str
    best: bool


COMPILING = "Compiling the model"
"""What a `Progress` says while torch.compile is at work."""


@dataclass(frozen=True)
class Progress:
    """Long work: what, and how far in 0..1 (NaN when it cannot be told)."""

    what: str
    share: float


@dataclass(frozen=True)
class Failed:
    """Something went wrong.

    Attributes:
        what: What happened.
        why: The cause.
        hint: What to do.
        trace: Traceback for the details, "" when it adds nothing.
        fatal: True when the run ended; False when it goes on.
        remedies: What helps, each a button.
    """

    what: str
    why: str
    hint: str
    trace: str = ""
    fatal: bool = True
    remedies: tuple[Remedy, ...] = ()


Event = (
    Ready
    | StateChanged
    | Facts
    | LiveChanged
    | GraphApplied
    | Saved
    | Progress
    | Failed
    | Metrics
    | Validation
    | GradientReading
    | AttentionReading
    | HealthReading
    | Sample
    | RateSweep
    | Peeked
    | PeekFailed
    | Looked
    | LookFailed
)


@dataclass(frozen=True)
class Envelope:
    """An event with the run it belongs to ("" before the first run)."""

    run: str
    event: Event
