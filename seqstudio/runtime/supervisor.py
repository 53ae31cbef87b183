"""The process runner: a supervisor thread that owns a spawned trainer and a warm standby."""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from pathlib import Path

from typing_extensions import override

from seqstudio.records.looking import LookAt
from seqstudio.records.messages import (
    Command,
    Envelope,
    Failed,
    Ready,
    Start,
    State,
    StateChanged,
    Stop,
    Write,
)
from seqstudio.records.peek import PeekAt
from seqstudio.runtime.codec import CodecError, pack, unpack
from seqstudio.runtime.crashes import CrashLog
from seqstudio.runtime.entry import run_trainer
from seqstudio.runtime.runner import OVER, Runner, unexpected_end

TERMINATE_S = 3.0
KILL_S = 6.0
STANDBY_DELAY_S = 10.0  # the first steps time themselves, and torch loading would disturb them
STANDBY_MEMORY = 8_000_000_000
TICK_S = 0.5
IMPATIENT_S = 0.1
FAREWELL_S = 2.0  # between the end of the line and the end of the process
BURST = 64  # messages from one trainer before the others have their turn
LAST_BURST = 100_000  # more than a line can hold
NO_START_HINT = "Run seqstudio doctor, or choose the thread engine in the settings"


class _Trainer:
    """One trainer process, seen from here.

    Attributes:
        ready: Torch is loaded.
        start: The run it was last given.
        state: State of that run.
        answered: It has said something about that run.
        gone: The line is broken or the process has ended.
        excused: It said itself why it cannot go on.
    """

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, other = context.Pipe()
        self.crash = CrashLog()
        self.process = context.Process(
            target=run_trainer,
            args=(other, str(self.crash.path)),
            name="seqstudio-trainer",
            daemon=True,
        )
        try:
            with _interrupts_blocked():
                self.process.start()
        except BaseException:
            self.connection.close()
            self.crash.remove()
            raise
        finally:
            other.close()  # or the end of the process would not end the line
        self.ready = False
        self.start: Start | None = None
        self.state: State | None = None
        self.answered = False
        self.gone = False
        self.excused = False
        self._asked_s: float | None = None
        self._terminated = False

    @property
    def sources(self) -> list[Connection | int]:
        """What to wait on for news from it."""
        line = [] if self.connection.closed else [self.connection]
        return [*line, self.process.sentinel]

    @property
    def asked(self) -> bool:
        """Whether it was asked to stop and has not answered yet."""
        return self._asked_s is not None

    def send(self, command: Command) -> None:
        """Send a command."""
        try:
            self.connection.send_bytes(pack(command))
        except OSError:
            self.gone = True
        if isinstance(command, Start):
            self.start, self.state, self.answered = command, "starting", False
            self._asked_s = None
        elif isinstance(command, Stop) and self.state not in OVER:
            self._ask()

    def messages(self) -> Iterator[Envelope]:
        """Yield what it said, not too much at once while it lives; sets `gone` at the end."""
        try:
            for _ in range(LAST_BURST if self.gone else BURST):
                if self.connection.closed or not self.connection.poll(0):
                    return
                envelope = unpack(self.connection.recv_bytes())
                self._note(envelope)
                yield envelope
        except (OSError, EOFError, CodecError):
            self.gone = True

    def hang_up(self) -> None:
        """Close the line: it saves and ends. One that is still loading is ended at once."""
        self._ask()
        if not self.ready:
            self.process.kill()
        self.connection.close()

    def press(self) -> None:
        """Insist on a stop that was asked for long ago."""
        waited = time.monotonic() - self._asked_s if self._asked_s is not None else 0.0
        if waited > KILL_S:
            self.process.kill()
        elif waited > TERMINATE_S and not self._terminated:
            self._terminated = True
            self.process.terminate()

    def bury(self) -> str:
        """Let go of a process that has ended or must; return how it ended."""
        self.process.join(FAREWELL_S)
        if self.process.exitcode is None:
            self.process.kill()
            self.process.join()
        code = self.process.exitcode or 0
        self.connection.close()
        self.process.close()
        if code >= 0:
            return f"its process ended with exit code {code}"
        return f"its process was killed by signal {-code} ({_signal_name(-code)})"

    def _ask(self) -> None:
        self._asked_s = self._asked_s or time.monotonic()

    def _note(self, envelope: Envelope) -> None:
        event = envelope.event
        mine = self.start is not None and envelope.run == self.start.run
        self.answered = self.answered or mine
        if isinstance(event, Ready):
            self.ready = True
        elif isinstance(event, Failed) and envelope.run == "":
            self.excused = True
        elif isinstance(event, StateChanged) and mine:
            self.state = event.state
            if event.state in OVER:
                self._asked_s = None


class ProcessRunner(Runner):
    """The trainer as a process of its own: it can always be stopped, and its end is survived.

    A supervisor thread owns the process. Where a program's main module is not guarded by
    `if __name__ == "__main__"`, spawning a process would run it again: see `main.py`.
    """

    def __init__(self, *, standby: bool | None = None) -> None:
        """Set whether a second trainer waits with torch loaded; None: when memory allows."""
        super().__init__()
        self._standby_wanted = standby
        self._standby_due_s = math.inf
        self._warm_wanted = False
        self._sent_again = ""  # token of the start that went to a second process
        self._commands: deque[Command] = deque()
        self._active: _Trainer | None = None
        self._standby: _Trainer | None = None
        self._leaving: list[_Trainer] = []
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._bell, self._button = multiprocessing.Pipe(duplex=False)
        self._rung = False
        self._closing_s = math.inf

    @override
    def warm_up(self) -> None:
        self._warm_wanted = True
        self._wake()

    @override
    def send(self, command: Command) -> None:
        self._commands.append(command)
        self._wake()

    @property
    @override
    def alive(self) -> bool:
        supervised = self._thread is not None and self._thread.is_alive()
        return supervised and bool(self._trainers() or self._commands)

    @property
    def pids(self) -> list[int]:
        """Process ids of the trainers, the one that serves the run first."""
        numbers = [trainer.process.pid for trainer in self._trainers()]
        return [number for number in numbers if number is not None]

    @override
    def close(self, timeout: float) -> bool:
        if not self._closing.is_set():
            self._closing_s = time.monotonic()
            self._closing.set()
        if self._thread is None:
            return True
        self._ring()
        self._thread.join(timeout)
        if self._thread.is_alive() and time.monotonic() - self._closing_s > KILL_S + 1.0:
            # The supervisor itself is held up, by a trainer that froze in the middle of a message.
            for trainer in self._trainers():
                trainer.process.kill()
        return not self._thread.is_alive()

    # ------------------------------------------------------- from here on: the supervisor thread

    def _wake(self) -> None:
        with self._lock:
            if self._thread is None and not self._closing.is_set():
                self._thread = threading.Thread(target=self._supervise, name="seqstudio-runner")
                self._thread.start()
        self._ring()

    def _ring(self) -> None:
        with self._lock:
            if not self._rung and not self._button.closed:
                self._rung = True
                self._button.send_bytes(b"!")

    def _supervise(self) -> None:
        try:
            while not self._closing.is_set() or self._trainers():
                self._listen()
                self._look_after_the_dead()
                if self._closing.is_set() or not threading.main_thread().is_alive():
                    self._closing.set()
                    self._send_home()
                else:
                    self._pass_on_commands()
                    self._keep_standby()
                for trainer in self._trainers():
                    trainer.press()
        finally:
            for trainer in self._trainers():
                trainer.process.kill()
                trainer.crash.remove()
            with self._lock:
                self._bell.close()
                self._button.close()

    def _trainers(self) -> list[_Trainer]:
        every = (self._active, self._standby, *self._leaving)
        return [trainer for trainer in every if trainer is not None]

    def _listen(self) -> None:
        trainers = self._trainers()
        sources = [source for trainer in trainers for source in trainer.sources]
        asked = any(trainer.asked for trainer in trainers)
        ready = wait([self._bell, *sources], IMPATIENT_S if asked else TICK_S)
        if self._bell in ready:
            with self._lock:
                self._bell.recv_bytes()
                self._rung = False
        for trainer in trainers:
            if trainer.connection in ready:
                self._take_messages(trainer)
            trainer.gone = trainer.gone or trainer.process.sentinel in ready

    def _take_messages(self, trainer: _Trainer) -> None:
        for envelope in trainer.messages():
            self._receive(envelope)
            running = isinstance(envelope.event, StateChanged) and trainer.state == "running"
            if running and self._standby_due_s == math.inf:
                self._standby_due_s = time.monotonic() + STANDBY_DELAY_S

    def _look_after_the_dead(self) -> None:
        for trainer in [each for each in self._trainers() if each.gone]:
            self._take_messages(trainer)  # its last words
            was_active = trainer is self._active
            if was_active:
                self._active = None
            elif trainer is self._standby:
                self._standby, self._standby_due_s = None, math.inf
            else:
                self._leaving.remove(trainer)
            how = trainer.bury()
            if was_active:
                self._explain(trainer, how)
            trainer.crash.remove()

    def _explain(self, trainer: _Trainer, how: str) -> None:
        """Say what the end of the active trainer means for the run."""
        if trainer.start is None or trainer.start.run != self._token:
            self._explain_no_start(trainer, how)
        elif not trainer.answered and self._sent_again != self._token:
            # It was about to end when the start reached it. Once more, but only once: a start
            # that ends every process that gets it has to be said.
            self._sent_again = self._token
            self._commands.appendleft(trainer.start)
        elif self.state not in OVER and trainer.asked:
            self._say(StateChanged("stopped", self.step, "It did not answer and was ended"))
        elif self.state not in OVER:
            log = trainer.crash.keep(Path(trainer.start.folder))
            self._say(unexpected_end(how, self.saved_step, log))
            self._say(StateChanged("failed", self.step, how))
        elif self.state == "finished" and not trainer.asked:
            self._say(replace(unexpected_end(how, self.saved_step), fatal=False))

    def _explain_no_start(self, trainer: _Trainer, how: str) -> None:
        if trainer.ready:
            return  # it served an older run; the new one gets another process
        self._commands.clear()
        if not trainer.excused:
            self._say(Failed("The trainer did not start", how, NO_START_HINT))
        if self.state == "starting":
            self._say(StateChanged("failed", 0, how))

    def _pass_on_commands(self) -> None:
        while self._commands:
            if self._active is None and not self._adopt(self._commands[0]):
                self._commands.popleft()
            elif self._active is not None and self._active.ready and not self._active.gone:
                self._active.send(self._commands.popleft())
            else:
                return

    def _adopt(self, command: Command) -> bool:
        """Make a trainer the active one, if the command needs one; False when there is none."""
        if not isinstance(command, (Start, Write, PeekAt, LookAt)):
            return False
        try:
            self._active, self._standby = self._standby or _Trainer(), None
        except OSError as error:
            self._say(Failed("The trainer did not start", str(error), NO_START_HINT))
            self._say(StateChanged("failed", self.step, str(error)))
            return False
        return True

    def _keep_standby(self) -> None:
        first = self._warm_wanted and not self._trainers()
        self._warm_wanted = False
        second = time.monotonic() >= self._standby_due_s and self._standby is None
        if second:
            self._standby_due_s = math.inf
        if first or (second and self._wants_standby()):
            with suppress(OSError):  # nobody asked for it; the next start says why
                self._standby = _Trainer()

    def _wants_standby(self) -> bool:
        if self._standby_wanted is None:
            return free_memory() >= STANDBY_MEMORY
        return self._standby_wanted

    def _send_home(self) -> None:
        active = self._active
        if self._standby is not None:
            self._standby.hang_up()
            self._leaving.append(self._standby)
            self._standby = None
        if active is None:
            return
        if active.ready and active.state not in OVER:
            if not active.asked:
                active.send(Stop())  # and wait for its last words
        else:
            active.hang_up()
            self._leaving.append(active)
            self._active = None


def free_memory() -> int:
    """Return the memory in bytes that new programs can have, 0 where it cannot be told."""
    try:
        for line in Path("/proc/meminfo").read_text("ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    except (AttributeError, ValueError, OSError):
        return 0


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Let a process be born deaf to Ctrl+C, which the terminal sends to it, too."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "unknown"
