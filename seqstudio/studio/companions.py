"""Runs that go on beside the one in view: trained by runners of ours, or by another program."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from seqstudio.core.errors import RunError
from seqstudio.document.project import Project
from seqstudio.records.messages import StateChanged
from seqstudio.records.peek import Peeked, PeekFailed
from seqstudio.runtime.archive import RunReader
from seqstudio.runtime.history import RunHistory
from seqstudio.runtime.runner import OVER, Runner
from seqstudio.runtime.store import is_locked

SECOND_TRAINER = 2_000_000_000
"""Free memory in bytes from which a second trainer starts beside one that is at work."""

LOOK_EVERY = 10  # polls: a record in a folder is looked at a few times a second


@dataclass
class Companion:
    """A run that one of our trainers goes on with, out of view.

    Attributes:
        runner: Its trainer.
        folder: Folder of the run.
        history: What it said.
        project: The project as it was started with.
        state: Its state.
    """

    runner: Runner
    folder: Path
    history: RunHistory
    project: Project | None
    state: str


class Follower:
    """Follows the record of a run that another program writes.

    Attributes:
        folder: Folder of the run.
        history: What has been read.
        over: Nobody writes it any more, or it cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        """Read all that is there; raises RunError when it cannot be read."""
        self._reader = RunReader(folder)
        self._reader.poll()
        self._polls = 0
        self.folder = folder
        self.over = False

    @property
    def history(self) -> RunHistory:
        """What has been read."""
        return self._reader.history

    def poll(self) -> frozenset[type]:
        """Read what is new, now and then; return the types of the events among it."""
        self._polls += 1
        if self.over or self._polls % LOOK_EVERY:
            return frozenset()
        ended = not is_locked(self.folder)  # before the last look, or its last words were missed
        try:
            seen = self._reader.poll()
        except RunError:
            ended, seen = True, frozenset()
        self.over = ended
        return seen

    @property
    def state(self) -> str:
        """State of the run; one that nobody writes and that never ended is stopped."""
        state = self.history.state or "starting"
        return "stopped" if self.over and state not in OVER else state


class Companions:
    """Every run that goes on beside the one in view."""

    def __init__(self) -> None:
        self._trained: list[Companion] = []
        self._followed: dict[Path, Follower] = {}

    def add(self, companion: Companion) -> None:
        """Let a trainer go on out of view."""
        self._trained.append(companion)

    def take(self, folder: Path) -> Companion | None:
        """Give up a run that goes on, to bring it into view; None when it is not one of ours."""
        found = self.of(folder)
        if found is not None:
            self._trained.remove(found)
        return found

    def of(self, folder: Path) -> Companion | None:
        """Return the run that one of our trainers goes on with in a folder."""
        going = (each for each in self._trained if each.state not in OVER)
        return next((each for each in going if each.folder == folder), None)

    def follow(self, follower: Follower) -> None:
        """Keep the history of a run that another program writes up to date."""
        self._followed[follower.folder] = follower

    def leave(self, folder: Path) -> None:
        """Follow it no more."""
        self._followed.pop(folder, None)

    def poll(self) -> frozenset[type]:
        """Bring all histories up to date; return the types of what came."""
        seen = frozenset().union(*(self._drain(each) for each in self._trained))
        for folder, follower in list(self._followed.items()):
            seen |= follower.poll()
            if follower.over:
                del self._followed[folder]
        for each in [each for each in self._trained if each.state in OVER]:
            each.runner.close(0)  # its trainer is not needed any more
        return seen

    def _drain(self, companion: Companion) -> frozenset[type]:
        events = [
            each.event
            for each in companion.runner.drain()
            if each.run and not isinstance(each.event, (Peeked, PeekFailed))
        ]
        for event in events:
            if isinstance(event, StateChanged):
                companion.state = event.state
        return companion.history.extend(events)

    # ----------------------------------------------------------------------- closing

    def begin_close(self) -> None:
        """Ask every trainer to stop with a checkpoint."""
        for each in self._trained:
            each.runner.close(0)

    @property
    def closed(self) -> bool:
        """Whether all trainers have ended."""
        return not any(each.runner.alive for each in self._trained)

    def end_close(self, timeout_s: float) -> bool:
        """Wait for the trainers; True when all have ended."""
        ended = [each.runner.close(timeout_s) for each in self._trained]
        return all(ended)
