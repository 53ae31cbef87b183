"""The trainer's command loop: what it does with each command, and what it says about itself."""

from __future__ import annotations

import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from typing_extensions import override

from seqstudio.blocks.templates import make
from seqstudio.core.errors import SeqError, StorageError
from seqstudio.document.project import parse_project, project_text
from seqstudio.engine.failures import NumbersError, free_memory, shrinking
from seqstudio.engine.forking import Replay, has_turned, open_replay, turn
from seqstudio.engine.inside.looker import Looker
from seqstudio.engine.peeking import Peeker
from seqstudio.engine.trainer import Trainer, devices, torch_version
from seqstudio.records.faults import ApplyGraph, Remedy
from seqstudio.records.looking import LookAt
from seqstudio.records.messages import (
    Checkpoint,
    Command,
    Envelope,
    Event,
    Failed,
    FindRate,
    GiveUp,
    Pause,
    Ready,
    Resume,
    Saved,
    SetLive,
    SetProbeText,
    Start,
    State,
    StateChanged,
    Steer,
    Step,
    Stop,
    Write,
)
from seqstudio.records.peek import PeekAt
from seqstudio.runtime.channel import Channel, ChannelClosedError
from seqstudio.runtime.forking import ForkPoint, end_replay, load_fork
from seqstudio.runtime.recorder import Recorder, not_recorded
from seqstudio.runtime.store import RunStore

Opening = Callable[[Start, Callable[[Event], None]], Trainer]
"""Opens a run: see `Trainer.open`."""

DETAIL_S = 1.0
LOOK_S = 0.2
REHEARSED_STEPS = 2
OVER: frozenset[State] = frozenset({"stopped", "finished", "failed"})


def serve(channel: Channel) -> None:
    """Serve commands until the channel closes; a run that is open then is saved first."""
    _rehearse()
    channel.emit(Envelope("", Ready(devices(), torch_version())))
    _serve(channel)


def _rehearse() -> None:
    """Train the smallest model for two steps: torch loads much of itself only when it is used.

    That time is spent while the person still looks around, not between Play and the first loss.
    """
    start = Start("", project_text(make("hello-rnn")), "", "", "cpu")  # no CUDA context yet
    with suppress(Exception):  # whatever is wrong here, the first real start says it
        trainer = Trainer.open(start, lambda _: None)
        while trainer.step < REHEARSED_STEPS:
            trainer.advance()


def _serve(channel: Channel, opening: Opening | None = None) -> None:
    worker = _Worker(channel, opening)
    try:
        while True:
            worker.turn()
    except ChannelClosedError:
        worker.end()


def train_here(
    start: Start,
    listen: Callable[[Envelope], None],
    should_stop: Callable[[], bool],
    opening: Opening | None = None,
) -> State:
    """Train in this thread until the budget is spent; what the command line does.

    Ctrl+C and SIGTERM stop with a checkpoint; a second Ctrl+C interrupts.

    Args:
        start: The run.
        listen: Called with every event, in this thread or the one that counts the floor.
        should_stop: Asked between steps.
        opening: How the run is opened; None as one process does it.

    Returns:
        "finished", "stopped" or "failed"; the failure itself went to `listen`.
    """
    channel = _Caller(replace(start, paused=False), listen, should_stop)
    with _signals_stop(channel):
        _serve(channel, opening)
    return channel.state


class _Caller(Channel):
    """The channel of a run without a window: one start, then at most one stop."""

    def __init__(
        self, start: Start, listen: Callable[[Envelope], None], should_stop: Callable[[], bool]
    ) -> None:
        super().__init__(self._hear)
        self.state: State = "starting"
        self._listen = listen
        self._should_stop = should_stop
        self.put(start)

    def _hear(self, envelope: Envelope) -> None:
        if isinstance(envelope.event, StateChanged):
            self.state = envelope.event.state
        self._listen(envelope)

    @override
    def receive(self, *, block: bool) -> Command | None:
        if block and self.state in OVER:
            raise ChannelClosedError
        if self.state == "running" and self._should_stop():
            return Stop()
        return super().receive(block=block)


@contextmanager
def _signals_stop(channel: Channel) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {int(name): signal.getsignal(name) for name in (signal.SIGINT, signal.SIGTERM)}

    def stop(number: int, _frame: object) -> None:
        signal.signal(number, before[number])  # the second time counts at once
        channel.put(Stop())

    for number in before:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Worker:
    """Serves one run after the other."""

    def __init__(self, channel: Channel, opening: Opening | None = None) -> None:
        self._channel = channel
        channel.at_once = self._hear_at_once
        self._opening = opening
        self._run = ""
        self._state: State = "stopped"
        self._trainer: Trainer | None = None
        self._recorder: Recorder | None = None
        self._until: int | None = None  # the step at which `Step` has done its work
        self._waiting = False  # work may be waiting for a paused trainer
        self._saved_at = -1
        self._saved: Saved | None = None
        self._detail = ""
        self._detail_s = 0.0
        self._peeker = Peeker()
        self._looker = Looker()
        self._look_again_s = 0.0  # while training: not before it has had as much time
        self._step_s = 0.0  # time of the last step or slice of side work
        self._start: Start | None = None
        self._fork: ForkPoint | None = None  # until the replay is over
        self._later: list[Command] = []  # what waits for that
        self._wish: PeekAt | None = None  # the newest, until nothing else is to be obeyed

    def emit(self, event: Event) -> None:
        """Send an event to the window and to the record of the run."""
        if isinstance(event, Saved) and not event.best:
            self._saved_at, self._saved = event.step, event
        if isinstance(event, StateChanged):
            self._state = event.state
        self._channel.emit(Envelope(self._run, event))
        if self._recorder is not None:
            self._recorder.append(event)

    def _hear_at_once(self, command: Command) -> None:
        """Let the compiler be broken off within a step; another thread calls this."""
        trainer = self._trainer
        if isinstance(command, GiveUp) and command.what == "compile" and trainer is not None:
            trainer.learner.compiling.break_off()

    def turn(self) -> None:
        """Obey one command, or else do one step or one slice of waiting work.

        Raises:
            ChannelClosedError: There will be no more commands, or this process must end.
        """
        wishes = self._wish is not None or self._looker.busy
        busy = self._state == "running" or self._waiting or wishes
        command = self._channel.receive(block=not busy)
        try:
            if isinstance(command, PeekAt):
                self._wish = command
            elif isinstance(command, LookAt):
                self._looker.wish(command)
            elif command is not None:
                self._waiting = True
                self._obey(command)
            elif self._wish is not None:
                self._peek(self._wish)
            elif self._looker.busy and self._may_look:
                self._look()
            elif self._trainer is not None:
                self._work(self._trainer)
            else:
                self._waiting = False
        except ChannelClosedError:
            raise
        except Exception as error:  # noqa: BLE001  whatever a step raises becomes an event
            self._fail(error)

    def end(self) -> None:
        """End the run, if there is one: checkpoint, last state, record closed."""
        if self._trainer is not None:
            self._save(self._trainer)
            self._trainer.flush()
            if self._state != "finished":  # one whose budget is spent stays so
                self.emit(StateChanged("stopped", self._trainer.step))
        self._let_go()

    # ------------------------------------------------------------------- commands

    def _obey(self, command: Command) -> None:
        trainer = self._trainer
        if isinstance(command, Start):
            self.end()
            self._open(command)
        elif trainer is None:
            self._refuse(command)
        elif isinstance(command, Stop):
            self.end()
        elif isinstance(command, (Pause, Resume, Step)):
            self._steer(trainer, command)
        else:
            self._ask(trainer, command)

    def _refuse(self, command: Command) -> None:
        if isinstance(command, Write):
            why = "no run is open"
            hint = "Press Play, or resume a run"
            self.emit(Failed("There is no model to write with", why, hint, fatal=False))

    def _open(self, start: Start) -> None:
        self._run, self._saved_at, self._saved = start.run, -1, None
        self.emit(StateChanged("starting", 0))
        self._recorder = self._open_recorder(start)
        self._trainer = trainer = self._open_trainer(start)
        self._saved_at = trainer.step if start.resume else -1
        self._until = None
        self._tell("paused" if start.paused else "running", trainer)

    def _open_trainer(self, start: Start) -> Trainer:
        """Open the run; one that has yet to repeat steps of the run it left begins with those."""
        self._start, self._fork, self._later = start, None, []
        if self._opening is not None:
            return self._opening(start, self.emit)
        point = load_fork(Path(start.folder)) if start.resume and start.folder else None
        if point is None or point.done or has_turned(start, point.project, point.step):
            return Trainer.open(start, self.emit)
        self._fork = point
        replay = open_replay(start, point.project, self.emit)
        replay.follow(point.step, point.rows, point.live)
        return replay

    def _turn(self, replay: Replay, point: ForkPoint, start: Start) -> None:
        """End the replay: from here on the fork goes its own way."""
        self._trainer, fresh = turn(start, replay, self.emit)
        self._fork = None
        for failed in doubts(replay, fresh):
            self.emit(failed)
        end_replay(Path(start.folder), point)
        self._tell("running", self._trainer)
        for command in self._later:
            self._ask(self._trainer, command)

    def _open_recorder(self, start: Start) -> Recorder | None:
        begin = RunStore.resume if start.resume else RunStore.create
        try:
            store = begin(Path(start.folder), start.project)
        except StorageError as error:
            self.emit(not_recorded(error))
            return None
        recorder = Recorder(store, lambda failed: self._channel.emit(Envelope(start.run, failed)))
        recorder.append(StateChanged("starting", 0))
        return recorder

    def _steer(self, trainer: Trainer, command: Pause | Resume | Step) -> None:
        if self._state == "finished":
            return
        if isinstance(command, Pause):
            self._pause(trainer)
            return
        self._until = None
        if isinstance(command, Step):
            if command.count < 1:
                return
            self._until = trainer.step + command.count
        self._tell("running", trainer)

    def _pause(self, trainer: Trainer) -> None:
        self._until = None
        trainer.flush()
        self._tell("paused", trainer)

    def _ask(self, trainer: Trainer, command: Command) -> None:
        if self._fork is not None:
            self._later.append(command)  # nothing may change what is being repeated
            return
        try:
            match command:
                case SetLive():
                    trainer.set_live(command.name, command.value)
                    self._saved_at = -1  # the checkpoint has the old value
                case ApplyGraph():
                    self._edit(trainer, command.project)
                case FindRate() | GiveUp():
                    _search(trainer, command)
                case SetProbeText():
                    trainer.set_probe_text(command.text)
                case Write():
                    trainer.write(command)
                case Steer():
                    trainer.steer(command)
                case Checkpoint():
                    self._checkpoint(trainer)
        except Exception as error:  # noqa: BLE001  a refused wish does not end a run
            self.emit(replace(failure(error), fatal=False))

    def _edit(self, trainer: Trainer, text: str) -> None:
        """Go on with an edited project; whatever is wrong with it leaves the run as it is."""
        trainer.edit(text, self._recorder.keep_project if self._recorder else _not_kept)
        self._peeker.forget()  # it holds the model before
        self._looker.forget()

    def _checkpoint(self, trainer: Trainer) -> None:
        if self._saved is not None and self._saved_at == trainer.step:
            self.emit(self._saved)  # a second one of the same step would only risk the first
        else:
            trainer.checkpoint()

    def _peek(self, wish: PeekAt) -> None:
        """Answer a wish to see what flows; it is no part of a run, so no record keeps it."""
        self._wish = None
        answer = self._peeker.look(wish, self._trainer, running=self._state == "running")
        self._channel.emit(Envelope("", answer))

    @property
    def _may_look(self) -> bool:
        """Whether looking inside may have the next turn: training gets at least half of them."""
        return self._state != "running" or time.perf_counter() >= self._look_again_s

    def _look(self) -> None:
        """Serve wishes to look inside for as long as the last step took; no record keeps answers.

        One slice a step would let a large model answer a small question for seconds.
        """
        began = time.perf_counter()
        until = began + min(self._step_s, LOOK_S)
        while True:
            answer = self._looker.advance(self._trainer)
            if answer is not None:
                self._channel.emit(Envelope("", answer))
            ended = time.perf_counter()
            if ended >= until or not self._looker.busy:
                break
        self._look_again_s = 2 * ended - began

    # ----------------------------------------------------------------------- work

    def _work(self, trainer: Trainer) -> None:
        if self._state != "running":
            self._waiting = trainer.idle()
            return
        if isinstance(trainer, Replay) and trainer.over and self._fork and self._start:
            self._turn(trainer, self._fork, self._start)
            return
        if self._until is not None and trainer.step == self._until - 1:
            trainer.probe_next()
        began = time.perf_counter()
        going = trainer.advance()
        self._step_s = time.perf_counter() - began
        if not going:
            self._finish(trainer)
        elif self._until is not None and trainer.step >= self._until:
            self._pause(trainer)
        else:
            self._tell_detail(trainer)

    def _finish(self, trainer: Trainer) -> None:
        trainer.flush()
        try:
            trainer.finish()
        except StorageError as error:
            self.emit(replace(failure(error), fatal=False))
        self._tell("finished", trainer)

    def _tell(self, state: State, trainer: Trainer) -> None:
        self._detail, self._detail_s = trainer.detail, time.monotonic()
        self.emit(StateChanged(state, trainer.step, self._detail))

    def _tell_detail(self, trainer: Trainer) -> None:
        """Tell what the trial of the first steps chose."""
        if time.monotonic() - self._detail_s < DETAIL_S:
            return
        self._detail_s = time.monotonic()
        if trainer.detail != self._detail:
            trainer.flush()
            self._tell("running", trainer)

    # --------------------------------------------------------------------- endings

    def _save(self, trainer: Trainer) -> None:
        if self._saved_at == trainer.step:
            return
        try:
            trainer.checkpoint()
        except Exception as error:  # noqa: BLE001  a run must end even when it cannot be saved
            self.emit(replace(failure(error), fatal=False))

    def _fail(self, error: Exception) -> None:
        step = self._trainer.step if self._trainer is not None else 0
        failed = failure(error, self._remedies(error))
        traceback.clear_frames(error.__traceback__)  # they hold what the step computed
        self.emit(failed)
        self._rescue(error)
        self.emit(StateChanged("failed", step, failed.what))
        self._let_go()
        if device_is_lost(error):
            raise ChannelClosedError from error

    def _remedies(self, error: Exception) -> tuple[Remedy, ...]:
        if isinstance(error, NumbersError):
            return error.remedies
        trainer, start = self._trainer, self._start
        if _out_of_memory(error) and trainer is not None:
            training = trainer.learner.settings
            return shrinking(replace(trainer.project, training=training), trainer.model.facts)
        if _out_of_memory(error) and start is not None:
            return shrinking(parse_project(start.project), None)
        if trainer is not None and (trainer.step or self._saved is not None):
            return (Remedy("Resume from the last checkpoint"),)
        return ()

    def _rescue(self, error: Exception) -> None:
        """Keep the last good state of a run that fails: its last step was not begun."""
        trainer = self._trainer
        if trainer is None or device_is_lost(error) or not trainer.step:
            return
        trainer.learner.drop()
        free_memory()
        self._save(trainer)

    def _let_go(self) -> None:
        if self._recorder is not None:
            self._recorder.close()
        self._trainer = self._recorder = None
        self._peeker.forget()  # it may hold the model
        self._looker.forget()
        if self._state not in OVER:
            self._state = "stopped"
        free_memory()  # a model is full of cycles; its memory is wanted now


def doubts(replay: Replay, fresh: list[str]) -> list[Failed]:
    """Say in what a fork does not simply go on from the run that it left."""
    told = []
    if replay.apart > 0:
        told.append(Failed(
            "The repeated steps are not bit for bit those on record",
            f"the largest difference of the loss is {replay.apart:.2g}",
            "That is usual on a GPU; on a processor fix precision and threads for exact forks",
            fatal=False,
        ))  # fmt: skip
    if fresh:
        more = f" and {len(fresh) - 3} more" if len(fresh) > 3 else ""
        why = f"another shape than before: {', '.join(fresh[:3])}{more}"
        told.append(Failed("Some weights start fresh", why, "The others were kept", fatal=False))
    return told


def _not_kept(_text: str) -> None:
    """Keep nothing of a run that has no record."""


def failure(error: Exception, remedies: tuple[Remedy, ...] = ()) -> Failed:
    """Say what an exception means to a person, and offer what helps."""
    if isinstance(error, SeqError):
        return Failed(error.what, error.why, error.hint, remedies=remedies)
    trace = "".join(traceback.format_exception(error))
    first_line = str(error).partition("\n")[0]
    if _out_of_memory(error):
        return Failed(
            "There is not enough memory for this model",
            first_line or type(error).__name__,
            "Make batch, window or width smaller",
            trace,
            remedies=remedies,
        )
    if device_is_lost(error):
        return Failed(
            "The GPU does not answer any more",
            first_line,
            "Its process ends; a new one goes on from the last checkpoint",
            trace,
            remedies=remedies,
        )
    return Failed(
        "Training stopped because of a mistake in the program",
        f"{type(error).__name__}: {first_line}",
        "Resume goes on from the last checkpoint; the details help to report it",
        trace,
        remedies=remedies,
    )


def device_is_lost(error: Exception) -> bool:
    """Tell whether the device refuses all work until this process ends."""
    return not _out_of_memory(error) and "CUDA error" in str(error)


def _out_of_memory(error: Exception) -> bool:
    words = ("out of memory", "can't allocate memory", "not enough memory")
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(word in str(error).lower() for word in words)
    )


def _search(trainer: Trainer, command: FindRate | GiveUp) -> None:
    """Begin or break off work that looks for a better way to train."""
    if isinstance(command, FindRate):
        trainer.find_rate()
    elif command.what == "rate":
        trainer.give_up_rate()
    else:
        trainer.give_up_compiling()
