"""Where the play is: first forward over all time steps, then backward over them again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Phase = Literal["forward", "backward"]


@dataclass(frozen=True)
class Playhead:
    """One position of 2 T: forward at 0 .. T-1, then backward at T-1 .. 0.

    Attributes:
        steps: Time steps T, at least 1.
        phase: Which sweep.
        t: Time step in the order in which the layer reads, from 0.
    """

    steps: int
    phase: Phase = "forward"
    t: int = 0

    @property
    def position(self) -> int:
        """Number of the position, from 0."""
        return self.t if self.phase == "forward" else 2 * self.steps - 1 - self.t

    @property
    def at_end(self) -> bool:
        """Whether the play is over."""
        return self.position == 2 * self.steps - 1

    def at(self, position: int) -> Playhead:
        """Return the playhead at a position; outside of the play at its nearest end."""
        place = min(max(position, 0), 2 * self.steps - 1)
        if place < self.steps:
            return Playhead(self.steps, "forward", place)
        return Playhead(self.steps, "backward", 2 * self.steps - 1 - place)

    def on(self, by: int = 1) -> Playhead:
        """Return the playhead some positions further on, or back for a negative number."""
        return self.at(self.position + by)

    def to(self, t: int) -> Playhead:
        """Return the playhead at a time step in the same sweep."""
        return replace(self, t=min(max(t, 0), self.steps - 1))

    def in_phase(self, phase: Phase) -> Playhead:
        """Return the playhead at the same time step of a sweep."""
        return replace(self, phase=phase)

    def fitted(self, steps: int) -> Playhead:
        """Return the playhead for another text: the same sweep, the same step if it is there."""
        return Playhead(steps, self.phase, min(self.t, steps - 1))

    def forward_step(self) -> Playhead:
        """Return one time step forward: of the forward sweep, or its start from the other one."""
        return self.on() if self.phase == "forward" else self.at(0)

    def backward_step(self) -> Playhead:
        """Return one step back through time: into the backward sweep, then down in it."""
        return self.on() if self.phase == "backward" else self.at(self.steps)
