"""Which runs a panel draws, and how each of them looks: colour, dash, width, name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from seqstudio.runtime.history import RunHistory
from seqstudio.studio.theme import theme

if TYPE_CHECKING:
    from seqstudio.studio.session import Session

ARCHES = ("rnn", "gru", "lstm", "transformer", "custom1", "custom2", "custom3", "custom4")
_BY_PREFIX = {"gpt": "transformer", "model": "custom1"}
_REPEATS = ("secondRun", "thirdRun")


@dataclass(frozen=True)
class RunLine:
    """A run as lines in a plot.

    Attributes:
        name: Name of the run.
        history: What it said.
        arch: Architecture, which gives the colour.
        label: Name at the end of its line.
        current: The run in view.
        dash: In pixels; tells apart runs of one architecture.
        width: In pixels.
    """

    name: str
    history: RunHistory
    arch: str
    label: str
    current: bool
    dash: tuple[float, ...]
    width: float

    @property
    def paint(self) -> str:
        """Colour word."""
        return f"arch:{self.arch}"


def run_lines(session: Session) -> list[RunLine]:
    """Return the runs to draw, the run in view last so that it lies on top."""
    named = [(name, history, arch_of(name, history)) for name, history in session.others.items()]
    named.append((session.history.run, session.history, session.arch()))
    arches = [arch for _, _, arch in named]
    lines = []
    repeats = dict.fromkeys(arches, 0)
    for name, history, arch in reversed(named):
        current = history is session.history
        twice = arches.count(arch) > 1
        label = (name or arch_title(arch)) if twice else arch_title(arch)
        dash = theme().arch_dash(arch)
        if repeats[arch]:
            dash = theme().dash(_REPEATS[min(repeats[arch], len(_REPEATS)) - 1])
        repeats[arch] += 1
        width = (
            theme().stroke("plotCurrent") if current else 1.5 if dash else theme().stroke("plot")
        )
        lines.append(RunLine(name, history, arch, label, current, dash, width))
    return lines[::-1]


def arch_of(name: str, history: RunHistory) -> str:
    """Return the architecture of a run: as its gradient readings say, else by its name."""
    reading = history.horizons.newest()
    for horizon in reading.horizons if reading else ():
        if horizon.quantity == "dl/demb":
            return horizon.arch
    prefix = name.rpartition("-")[0] or name
    arch = _BY_PREFIX.get(prefix, prefix)
    return arch if arch in ARCHES else "custom1"


def arch_title(arch: str) -> str:
    """Return the name of an architecture in a plot."""
    from seqstudio.studio.session import ARCH_TITLES

    return ARCH_TITLES.get(arch, "Model")
