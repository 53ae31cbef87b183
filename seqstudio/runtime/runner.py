"""Runners: how a window or a test drives a trainer without knowing where it runs."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from dataclasses import replace

from typing_extensions import override

from seqstudio.records.faults import Remedy
from seqstudio.records.messages import (
    Command,
    Envelope,
    Event,
    Failed,
    Saved,
    Start,
    State,
    StateChanged,
)
from seqstudio.runtime.channel import Channel
from seqstudio.runtime.entry import load_worker, not_loaded
from seqstudio.runtime.mailbox import Mailbox

OVER: frozenset[State | None] = frozenset({None, "stopped", "finished", "failed"})


class Runner(ABC):
    """Drives one trainer. All methods return at once; `drain` is called by a timer.

    Events of any run but the one that `start` was last called with are dropped.

    Attributes:
        run: Name of the run that was started last, "" before.
        state: State of that run, None before the first.
        step: Its last step that came with a change of state.
        saved_step: Step of its newest checkpoint, None while there is none.
    """

    def __init__(self) -> None:
        self.run = ""
        self.state: State | None = None
        self.step = 0
        self.saved_step: int | None = None
        self._resuming = False
        self._starts = 0
        self._token = ""
        self._mailbox = Mailbox()
        self._closing = threading.Event()

    @abstractmethod
    def warm_up(self) -> None:
        """Load torch ahead of the first start."""

    def start(self, start: Start) -> None:
        """Begin or continue a run; one that goes on is stopped first, with a checkpoint."""
        same = start.run == self.run
        self.run, self.state, self.step = start.run, "starting", 0
        self.saved_step = self.saved_step if same else None
        self._resuming = start.resume
        # Two projects may both have a run "lstm-1": the trainer gets a name that comes only once.
        self._starts += 1
        self._token = f"{start.run} #{self._starts}"
        self.send(replace(start, run=self._token))

    @abstractmethod
    def send(self, command: Command) -> None:
        """Hand a command to the trainer; it is obeyed between two steps."""

    def drain(self) -> list[Envelope]:
        """Take the events that came since the last call, in order."""
        return [
            replace(each, run=self.run if each.run else "")
            for each in self._mailbox.drain()
            if each.run in {"", self._token}
        ]

    @property
    @abstractmethod
    def alive(self) -> bool:
        """Whether a trainer is there or on its way."""

    @abstractmethod
    def close(self, timeout: float) -> bool:
        """Stop with a checkpoint and end the trainer; `drain` works afterwards.

        Args:
            timeout: Longest time to wait in seconds; 0 only asks.

        Returns:
            True when everything has ended.
        """

    def _say(self, event: Event) -> None:
        """Say something about the run that its trainer cannot say any more."""
        self._receive(Envelope(self._token, event))

    def _receive(self, envelope: Envelope) -> None:
        if envelope.run not in {"", self._token}:
            return
        event = envelope.event
        if isinstance(event, StateChanged):
            self.state, self.step = event.state, max(self.step, event.step)
            if self._resuming and event.state in {"running", "paused"}:
                self.saved_step, self._resuming = event.step, False
        elif isinstance(event, Saved) and not event.best:
            self.saved_step = event.step
        self._mailbox.put(envelope)


class ThreadRunner(Runner):
    """The trainer as a thread of this process: for debugging, and where no process can start.

    It loads torch here, shares the interpreter with the window and cannot be killed: `close` may
    return False while a long step goes on.
    """

    def __init__(self) -> None:
        super().__init__()
        self._channel = Channel(self._receive)
        self._thread: threading.Thread | None = None

    @override
    def warm_up(self) -> None:
        """Start the thread, which loads torch."""
        if not self.alive and not self._closing.is_set():
            self._channel = Channel(self._receive)
            self._thread = threading.Thread(
                target=self._serve, args=(self._channel,), name="seqstudio-trainer"
            )
            self._thread.start()

    @override
    def send(self, command: Command) -> None:
        """Hand a command to the thread, which is started if needed."""
        self.warm_up()
        self._channel.put(command)

    @property
    @override
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread is not None and self._thread.is_alive()

    @override
    def close(self, timeout: float) -> bool:
        """Stop with a checkpoint and wait for the thread."""
        self._closing.set()
        self._channel.close()
        if self._thread is not None:
            self._thread.join(timeout)
        return not self.alive

    def _serve(self, channel: Channel) -> None:
        try:
            load_worker()(channel)
        except Exception as error:  # noqa: BLE001  a thread's exception would go unseen
            self._receive(Envelope("", not_loaded(error)))
            if self.state not in OVER:
                self._say(StateChanged("failed", self.step))


def unexpected_end(why: str, saved_step: int | None, log: str = "") -> Failed:
    """Say that a trainer is gone without having been asked, and offer to go on.

    Args:
        why: How it ended.
        saved_step: Step of the newest checkpoint, None without.
        log: What its threads did at the end, "" when nobody knows.
    """
    what = "The trainer stopped unexpectedly"
    if saved_step is None:
        return Failed(what, why, "This run had no checkpoint yet: start a new one", log)
    hint = f"Resume goes on from the checkpoint of step {saved_step:,}"
    offer = Remedy(f"Resume from step {saved_step:,}")
    return Failed(what, why, hint, log, remedies=(offer,))
