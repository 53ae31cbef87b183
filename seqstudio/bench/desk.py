"""A real window at work, in a process of its own: `python -m seqstudio.bench.desk JSON`.

The parent (`seqstudio.bench.live`) says what to do as one JSON object and gets the answer as the
last line of the output. Qt is loaded inside the functions: the trainer process imports this
module, too, and must not pay for a window.
"""

from __future__ import annotations

import json
import multiprocessing
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqstudio.bench.canvas import measure
from seqstudio.bench.drawing import measure_drawing
from seqstudio.bench.hearing import hear
from seqstudio.bench.linking import measure_linking
from seqstudio.bench.pausing import pause
from seqstudio.bench.results import NONE, quantile
from seqstudio.blocks.templates import make
from seqstudio.core.errors import RunError
from seqstudio.document.project import Project, project_text, save_project
from seqstudio.document.settings import TrainingSettings
from seqstudio.records.messages import Facts, Pause, Ready, Resume, Start
from seqstudio.records.readings import Metrics

if TYPE_CHECKING:
    from PySide6.QtCore import QObject

    from seqstudio.runtime.supervisor import ProcessRunner
    from seqstudio.studio.window import MainWindow

PATIENCE_S = 90.0
BEAT_MS = 16
IDLE_S = 4.0
STANDBY_S = 25.0
PAGES = ("train", "inside")


def endless(template: str, threads: int) -> Project:
    """Return the project of a template that trains at a constant rate until it is stopped."""
    project = make(template)
    given = {"budget": "steps", "steps": 100_000_000, "schedule": "constant", "threads": threads,
             "precision": "float32"}  # fmt: skip
    settings = TrainingSettings.parse({**project.training.as_dict(), **given})
    return replace(project, training=settings)


# ------------------------------------------------------------------------------------- first paint


def first_paint(started_s: float) -> dict[str, Any]:
    """Start the program as a person does and end it after its first picture.

    Args:
        started_s: Time of the monotonic clock, which all processes share, before this began.
    """
    from seqstudio.cli.entry import main
    from seqstudio.studio import app

    found: dict[str, Any] = {}
    open_window = app.open_window

    def opened(*arguments: Any, **settings: Any) -> MainWindow:
        window = open_window(*arguments, **settings)

        def painted() -> None:
            found["seconds"] = time.monotonic() - started_s
            found["torch"] = "torch" in sys.modules
            window.begin_close()

        on_paint(window, painted)
        return window

    setattr(app, "open_window", opened)  # noqa: B010  the program itself stays as it is
    main([])
    return found


def on_paint(widget: QObject, act: Callable[[], None]) -> None:
    """Call `act` once, when the picture that `widget` is painted for next is complete."""
    from PySide6.QtCore import QEvent, QObject, QTimer

    class Watch(QObject):
        def eventFilter(self, watched: QObject, event: QEvent, /) -> bool:  # type: ignore[explicit-override]
            if event.type() == QEvent.Type.Paint:
                watched.removeEventFilter(self)
                QTimer.singleShot(0, act)  # after all of the window is painted
            return False

    widget.installEventFilter(Watch(widget))


# ----------------------------------------------------------------------------------- a live window


class Desk:
    """A shown window with a project, and its event loop.

    Attributes:
        window: The window.
        ready: Trainer processes of the session that have loaded torch.
        trainer: Process id of the trainer that serves the session, 0 before `warm_up`.
    """

    def __init__(self) -> None:
        from PySide6.QtCore import QSettings

        from seqstudio.studio.app import application, open_window, take_appearance

        self.app = application()
        take_appearance(QSettings("seqstudio", "benchmark"))
        self.window = open_window(None)
        self.ready = 0
        self.trainer = 0
        self.window.session.events.connect(self._note)
        self.window.show()

    def _note(self, kinds: object) -> None:
        self.ready += isinstance(kinds, frozenset) and Ready in kinds

    def open(self, project: Project, path: Path) -> None:
        """Save a project and open it; returns when it can train."""
        save_project(project, path)
        session = self.window.session
        old = session.dataset if session.project.data != project.data else None
        session.open(path)
        self.until(lambda: session.dataset not in {None, old}, "the data")

    def warm_up(self) -> None:
        """Start the trainer process of the session; it loads torch while we go on."""
        self.window.session.warm_up()
        self.until(lambda: bool(_trainers()), "a trainer process")
        self.trainer = next(iter(_trainers()))

    def spin(self, seconds: float) -> None:
        """Let the event loop run for a time."""
        from PySide6.QtCore import QEventLoop, Qt, QTimer

        loop = QEventLoop()
        timer = QTimer(
            interval=round(seconds * 1000), singleShot=True, timerType=Qt.TimerType.PreciseTimer
        )
        timer.timeout.connect(loop.quit)
        timer.start()
        loop.exec()

    def until(self, done: Callable[[], bool], what: str, patience_s: float = PATIENCE_S) -> None:
        """Let the event loop run until something has happened.

        Raises:
            RunError: It did not, or the run failed.
        """
        end = time.monotonic() + patience_s
        while not done():
            if self.window.session.state == "failed" or time.monotonic() > end:
                why = self.window.error_text or f"nothing within {patience_s:.0f} s"
                raise RunError(f"The window waited for {what} in vain", why)
            self.spin(0.01)

    def close(self) -> None:
        """Stop the run, close the window, end the trainer."""
        self.window.begin_close()
        self.until(lambda: self.window.session.closed, "the trainer's end")
        self.window.session.end_close()
        self.window.deleteLater()
        self.app.processEvents()


def play(template: str, warm: bool, folder: str) -> dict[str, Any]:
    """Press Train and measure the time to the first point of the loss curve on screen."""
    from seqstudio.studio.panels.chart import Chart

    desk = Desk()
    session = desk.window.session
    desk.open(make(template), Path(folder) / "project.seq")
    desk.window.show_page("train")
    if warm:
        desk.warm_up()
        desk.until(lambda: desk.ready > 0, "the warm trainer")
    desk.spin(0.5)
    found: dict[str, Any] = {}
    chart = desk.window.pages["train"].curves.findChild(Chart)  # type: ignore[attr-defined]

    def note(kinds: object) -> None:
        if isinstance(kinds, frozenset) and Metrics in kinds and "known" not in found:
            found["known"] = time.perf_counter() - began
            on_paint(chart, painted)
            chart.update()

    def painted() -> None:
        found["painted"] = time.perf_counter() - began

    session.events.connect(note)
    began = time.perf_counter()
    desk.window.transport.play.click()
    desk.until(lambda: "painted" in found, "the first loss")
    desk.close()
    return found


# ------------------------------------------------------------ training beside and without a window


class Heartbeat:
    """Gaps between the beats of a precise timer in the thread of the window, in ms."""

    def __init__(self) -> None:
        from PySide6.QtCore import Qt, QTimer

        self.gaps: list[float] = []
        self._last = 0.0
        self._timer = QTimer(interval=BEAT_MS, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)

    def _beat(self) -> None:
        now = time.perf_counter()
        self.gaps.append((now - self._last) * 1000)
        self._last = now

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Beat inside."""
        self._last = time.perf_counter()
        self._timer.start()
        try:
            yield
        finally:
            self._timer.stop()

    def summary(self) -> dict[str, float]:
        """Return median, 99 % quantile and maximum."""
        return {
            "p50": quantile(self.gaps, 0.5),
            "p99": quantile(self.gaps, 0.99),
            "max": max(self.gaps, default=NONE),
        }


class WindowSide:
    """Training as a person sees it: window shown, every panel of the page in front alive."""

    def __init__(self, desk: Desk, project: Project, path: Path) -> None:
        self.desk = desk
        self.session = desk.window.session
        self.heart = Heartbeat()
        desk.open(project, path)
        self.session.play()
        desk.until(self._settled, "a run in the window")
        self._run(on=False)

    @property
    def pid(self) -> int:
        """Process id of its trainer."""
        return self.desk.trainer

    def _settled(self) -> bool:
        facts = self.session.history.facts
        return self.tokens > 0 and facts is not None and facts.floor_name != ""

    @property
    def tokens(self) -> int:
        """Tokens that the run has seen."""
        tokens = self.session.history.curves.tokens
        return int(tokens[-1]) if len(tokens) else 0

    def _run(self, *, on: bool) -> None:
        wanted = "running" if on else "paused"
        (self.session.play if on else self.session.pause)()
        self.desk.until(lambda: self.session.state == wanted, wanted)

    def work(self, seconds: float) -> None:
        """Train, half of the time with each page in front."""
        self._run(on=True)
        with self.heart.beating():
            for page in PAGES:
                self.desk.window.show_page(page)
                self.desk.spin(seconds / len(PAGES))
        self._run(on=False)

    def prepare(self) -> None:
        """Show the window."""
        self.desk.window.show()
        self.desk.spin(0.3)


class BareSide:
    """The same runner in the same process without a window: its events are taken and dropped."""

    def __init__(self, desk: Desk, runner: ProcessRunner, project: Project, folder: Path) -> None:
        from PySide6.QtCore import QTimer

        from seqstudio.studio.session import POLL_MS

        self.desk = desk
        self.runner = runner
        self.tokens = 0
        self.ready = 0
        self.floor = False
        self._timer = QTimer(interval=POLL_MS)
        self._timer.timeout.connect(self._drain)
        self._timer.start()
        text = project_text(project)
        runner.start(Start("bare", text, str(folder.parent), str(folder), device="auto"))
        desk.until(lambda: self.tokens > 0 and self.floor, "a run without a window")
        self._run(on=False)

    @property
    def pid(self) -> int:
        """Process id of its trainer."""
        return self.runner.pids[0]

    def _drain(self) -> None:
        for envelope in self.runner.drain():
            event = envelope.event
            if isinstance(event, Metrics) and len(event.tokens):
                self.tokens = int(event.tokens[-1])
            self.ready += isinstance(event, Ready)
            self.floor = self.floor or (isinstance(event, Facts) and event.floor_name != "")

    def _run(self, *, on: bool) -> None:
        wanted = "running" if on else "paused"
        self.runner.send(Resume() if on else Pause())
        self.desk.until(lambda: self.runner.state == wanted, wanted)
        self._drain()

    def prepare(self) -> None:
        """Hide the window."""
        self.desk.window.hide()
        self.desk.spin(0.3)

    def work(self, seconds: float) -> None:
        """Train."""
        self._run(on=True)
        self.desk.spin(seconds)
        self._run(on=False)

    def leave(self) -> None:
        """Take no more events."""
        self._timer.stop()


def _trainers() -> set[int]:
    children = multiprocessing.active_children()
    return {each.pid for each in children if each.name == "seqstudio-trainer" and each.pid}


def waited_s(pid: int) -> float:
    """Return how long the main thread of a process was ready but had no processor, so far.

    NaN where the system does not tell.
    """
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text("ascii").split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return NONE


def chunk(side: WindowSide | BareSide, seconds: float) -> dict[str, float]:
    """Let one side train for a while; return rates in tokens a second and the share of a core."""
    side.prepare()
    tokens, waited = side.tokens, waited_s(side.pid)
    cpu, began = time.process_time(), time.perf_counter()
    side.work(seconds)
    wall = time.perf_counter() - began
    done, delay = side.tokens - tokens, waited_s(side.pid) - waited
    return {
        "wall": done / wall,
        "net": done / (wall - delay),
        "core": (time.process_time() - cpu) / wall,
    }


def window(
    settings: list[tuple[str, int]], seconds: float, rounds: int, standby: bool, folder: str
) -> dict[str, Any]:
    """Train with and without a window in turns.

    Args:
        settings: (template, trainer threads) pairs, one after the other.
        seconds: Length of one turn.
        rounds: Turns of each side.
        standby: Wait until the runners have their second trainers ready: loading them disturbs.
        folder: Place for projects and runs.
    """
    from seqstudio.runtime.supervisor import ProcessRunner

    desk, runner = Desk(), ProcessRunner()
    found: dict[str, Any] = {"settings": []}
    try:
        desk.warm_up()
        runner.warm_up()
        heart = Heartbeat()
        for number, (template, threads) in enumerate(settings):
            place = Path(folder) / str(number)
            place.mkdir()
            project = endless(template, threads)
            shown = WindowSide(desk, project, place / "shown.seq")
            bare = BareSide(desk, runner, project, place / "bare.runs" / "bare")
            if standby and number == 0:
                _wait_for_standby(desk, bare)
            if number == 0:
                with heart.beating():
                    desk.spin(min(IDLE_S, seconds))
                found["idle"] = heart.summary()
            both = _turns(shown, bare, seconds, rounds)
            found["settings"].append(
                {"template": template, "threads": threads, "heart": shown.heart.summary(), **both}
            )
            bare.leave()
    finally:
        runner.close(0)
        desk.close()
        runner.close(10)
    return found


def _wait_for_standby(desk: Desk, bare: BareSide) -> None:
    from seqstudio.runtime.supervisor import STANDBY_MEMORY, free_memory

    if free_memory() < STANDBY_MEMORY:
        return
    end = time.monotonic() + STANDBY_S
    while (desk.ready < 2 or bare.ready < 2) and time.monotonic() < end:
        desk.spin(0.1)


def _turns(
    shown: WindowSide, bare: BareSide, seconds: float, rounds: int
) -> dict[str, list[dict[str, float]]]:
    sides: dict[str, WindowSide | BareSide] = {"shown": shown, "bare": bare}
    found: dict[str, list[dict[str, float]]] = {"shown": [], "bare": []}
    for number in range(rounds):
        for name in ("shown", "bare") if number % 2 == 0 else ("bare", "shown"):
            found[name].append(chunk(sides[name], seconds))
    return found


PROGRAMS: dict[str, Callable[..., dict[str, Any]]] = {
    "canvas": measure,
    "drawing": measure_drawing,
    "first_paint": first_paint,
    "hear": hear,
    "linking": measure_linking,
    "pause": pause,
    "play": play,
    "window": window,
}


def main() -> None:
    """Do what the one argument says and print the answer."""
    request = json.loads(sys.argv[1])
    answer = PROGRAMS[request.pop("program")](**request)
    sys.stdout.write("\n" + json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
