"""Faults of our own, injected everywhere: each is seen in the window, with cause and next step."""

from __future__ import annotations

import ast
import gc
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

pytest.importorskip("PySide6", reason="the window needs Qt")

from PySide6.QtCore import (
    QEvent,
    QObject,
    QRunnable,
    QThread,
    QThreadPool,
    QTimer,
    Signal,
    qCritical,
)
from PySide6.QtGui import QGuiApplication, QPaintEvent
from PySide6.QtWidgets import QApplication, QPushButton, QWidget

from seqstudio.blocks.templates import make
from seqstudio.core.errors import StorageError
from seqstudio.document.edits import SetSetting
from seqstudio.records.messages import Failed, Progress
from seqstudio.studio.app import open_window
from seqstudio.studio.faults import LIMIT, FaultCatcher
from seqstudio.studio.panels.base import Panel
from seqstudio.studio.window import FAULT_MS, MainWindow

STUDIO = Path(__file__).resolve().parents[2] / "seqstudio" / "studio"
SEEN_MS = 1000


@pytest.fixture
def catcher() -> Iterator[FaultCatcher]:
    catcher = FaultCatcher()
    catcher.install()
    yield catcher
    catcher.remove()


@pytest.fixture
def window(qtbot, catcher: FaultCatcher) -> Iterator[MainWindow]:
    window = open_window(None, faults=catcher, threads=True)
    window.session.new(make("hello-rnn"))
    with qtbot.waitExposed(window):
        window.show()
    qtbot.waitUntil(lambda: window.session._loading is None)
    catcher.drain()
    yield window
    window.begin_close()
    qtbot.waitUntil(lambda: not window.isVisible())
    window.deleteLater()


class Fuse(Exception):  # noqa: N818  what a test lets go wrong
    pass


def blow(*_: object) -> None:
    raise Fuse("the fuse is blown")


class Emitter(QObject):
    fired = Signal()


class Painter(QWidget):
    def paintEvent(self, event: QPaintEvent) -> None:
        blow()


class Eventful(QWidget):
    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.User:
            blow()
        return super().event(event)


class Filter(QObject):
    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.User:
            blow()
        return False


class Runnable(QRunnable):
    def run(self) -> None:
        blow()


class Thread(QThread):
    def run(self) -> None:
        blow()


class Finaliser:
    def __del__(self) -> None:
        blow()


class BadPanel(Panel):
    title = "Bad"

    def draw(self) -> None:
        blow()


def in_a_slot(window: MainWindow) -> None:
    button = QPushButton(window)
    button.clicked.connect(blow)
    button.click()


def in_a_slot_of_a_signal(window: MainWindow) -> None:
    window._emitter = Emitter()  # type: ignore[attr-defined]
    window._emitter.fired.connect(blow)  # type: ignore[attr-defined]
    window._emitter.fired.emit()  # type: ignore[attr-defined]


def in_a_thread(_window: MainWindow) -> None:
    thread = threading.Thread(target=blow)
    thread.start()
    thread.join()


def in_a_qthread(window: MainWindow) -> None:
    thread = Thread(window)
    thread.start()
    thread.wait()


def in_a_pool(_window: MainWindow) -> None:
    QThreadPool.globalInstance().start(Runnable())
    QThreadPool.globalInstance().waitForDone()


def in_a_timer(window: MainWindow) -> None:
    QTimer.singleShot(0, window, blow)


def in_a_paint_event(window: MainWindow) -> None:
    child = Painter(window)
    child.resize(40, 40)
    child.show()
    QTimer.singleShot(200, child.hide)


def in_an_event(window: MainWindow) -> None:
    QApplication.postEvent(Eventful(window), QEvent(QEvent.Type.User))


def in_an_event_filter(window: MainWindow) -> None:
    watched = QObject(window)
    watched.installEventFilter(Filter(window))
    QApplication.postEvent(watched, QEvent(QEvent.Type.User))


def in_a_finaliser(_window: MainWindow) -> None:
    Finaliser()
    gc.collect()


def in_a_panel(window: MainWindow) -> None:
    panel = BadPanel(window.session, window)
    QTimer.singleShot(0, panel.show)
    QTimer.singleShot(100, lambda: window.session.events.emit(frozenset({Progress})))
    QTimer.singleShot(200, panel.deleteLater)


def in_a_panel_that_imports(window: MainWindow) -> None:
    def late() -> None:
        import seqstudio.no_such_module  # noqa: F401

    window.session.run_changed.connect(late)
    window.session.run_changed.emit()
    window.session.run_changed.disconnect(late)


def in_the_reader_of_data(window: MainWindow) -> None:
    window.session._loading = ThreadPoolExecutor(1).submit(blow)  # type: ignore[assignment]
    window.session._loading.exception()
    window.session._poll()
    window.session.play()


def in_a_listener_of_the_document(window: MainWindow) -> None:
    stop = window.session.document.changed.connect(blow)
    button = QPushButton(window)
    edit = SetSetting("training", "seed", 5)
    button.clicked.connect(lambda: window.session.document.apply(edit))
    button.click()
    stop()


def in_the_trainer(window: MainWindow) -> None:
    window.session.view.follows = True
    failed = Failed("Training stopped because of a mistake", "Fuse: the fuse is blown", "Resume")
    window.session.view.runner._say(failed)
    window.session._poll()


def in_a_thread_of_the_runner(window: MainWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    from seqstudio.runtime import runner

    monkeypatch.setattr(runner, "load_worker", blow)
    window.session.view.follows = True
    window.session.warm_up()
    window.session.view.runner._thread.join()  # type: ignore[attr-defined]
    window.session._poll()


def by_qt(_window: MainWindow) -> None:
    qCritical("the fuse is blown")


def by_a_typed_error(_window: MainWindow) -> None:
    def save() -> None:
        raise StorageError("mine.seq was not saved", "the fuse is blown", "Save elsewhere")

    QTimer.singleShot(0, save)


PLACES: list[Callable[..., None]] = [
    in_a_slot,
    in_a_slot_of_a_signal,
    in_a_thread,
    in_a_qthread,
    in_a_pool,
    in_a_timer,
    in_a_paint_event,
    in_an_event,
    in_an_event_filter,
    in_a_finaliser,
    in_a_panel,
    in_a_panel_that_imports,
    in_the_reader_of_data,
    in_a_listener_of_the_document,
    in_the_trainer,
    in_a_thread_of_the_runner,
    by_qt,
    by_a_typed_error,
]


@pytest.mark.qt_log_ignore("fuse")
@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_a_fault_is_seen_with_its_cause_and_what_to_do(
    qtbot, window: MainWindow, monkeypatch: pytest.MonkeyPatch, place: Callable[..., None]
) -> None:
    assert window.error_text == ""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if place is in_a_thread_of_the_runner:
            place(window, monkeypatch)
        else:
            place(window)
    qtbot.waitUntil(lambda: bool(window.error_text), timeout=SEEN_MS)
    message = window.banner
    why = message.accessibleDescription()
    assert "fuse is blown" in why or "no_such_module" in why, why
    assert message._hint.text(), "no next step"
    buttons = {button.text(): button for button in message.findChildren(QPushButton)}
    buttons["Copy details"].click()
    assert window.error_text in QGuiApplication.clipboard().text()
    buttons["Close"].click()
    assert window.error_text == ""
    assert window.session.document.project.template == "hello-rnn"


def test_a_thousand_repeats_are_one_message_with_a_count(qtbot, window: MainWindow) -> None:
    shown: list[str] = []
    monkey = window.banner.show_error
    window.banner.show_error = lambda what, *rest: (shown.append(what), monkey(what, *rest))  # type: ignore[method-assign]
    emitter = Emitter()
    emitter.fired.connect(blow)
    for _ in range(600):
        emitter.fired.emit()
    threads = [threading.Thread(target=blow) for _ in range(400)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    qtbot.waitUntil(lambda: "1,000 times" in window.error_text, timeout=SEEN_MS)
    assert len(shown) <= 10
    assert {text.partition(" (")[0] for text in shown} == {"Something went wrong inside SeqStudio"}


def test_faults_that_come_together_are_all_in_the_details(qtbot, window: MainWindow) -> None:
    def other() -> None:
        raise KeyError("another one")

    emitter = Emitter()
    emitter.fired.connect(blow)
    emitter.fired.connect(other)
    emitter.fired.emit()
    qtbot.waitUntil(lambda: bool(window.error_text), timeout=SEEN_MS)
    assert "1 more in the details" in window.banner.accessibleDescription()
    copy = next(b for b in window.banner.findChildren(QPushButton) if b.text() == "Copy details")
    copy.click()
    details = QGuiApplication.clipboard().text()
    assert "the fuse is blown" in details
    assert "another one" in details


def test_the_kinds_of_faults_have_a_limit(catcher: FaultCatcher) -> None:
    for number in range(3 * LIMIT):
        catcher.catch(ValueError(f"number {number}"))
    found = catcher.drain()
    assert len(found) == LIMIT + 1
    assert (found[-1].what, found[-1].count) == (
        "Many things went wrong inside SeqStudio",
        2 * LIMIT,
    )
    assert catcher.drain() == []


def test_the_hooks_go_back_to_who_had_them() -> None:
    before = (sys.excepthook, threading.excepthook, sys.unraisablehook)
    catcher = FaultCatcher()
    catcher.install()
    assert sys.excepthook != before[0]
    catcher.remove()
    assert (sys.excepthook, threading.excepthook, sys.unraisablehook) == before


def test_a_native_crash_leaves_its_stacks_in_a_file(tmp_path: Path) -> None:
    import subprocess

    program = (
        "import os, sys, pathlib\n"
        "from seqstudio.studio.faults import FaultCatcher\n"
        "FaultCatcher().install(pathlib.Path(sys.argv[1]))\n"
        "os.abort()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "log")], capture_output=True, check=False
    )
    assert done.returncode != 0
    assert "Fatal Python error" in (tmp_path / "log" / "crash.log").read_text()


def test_the_window_looks_often_enough() -> None:
    assert FAULT_MS <= SEEN_MS / 2


# --------------------------------------------------- row 17: only the GUI thread touches widgets

THREADS = {
    "Thread", "QThread", "QRunnable", "Timer", "ThreadPoolExecutor", "ProcessPoolExecutor",
    "Process", "start_new_thread",
}  # fmt: skip
# Modules that may start work elsewhere, and how. None of it may touch a widget: see below.
ALLOWED = {
    "background.py": {"Thread"},  # typesets equations, lists runs
    "session.py": {"ThreadPoolExecutor"},  # reads the data
    "learn.py": {"ThreadPoolExecutor"},  # settles the claims of the lectures
    "listen/chores.py": {"ThreadPoolExecutor"},  # renders sound, writes files
    "panels/floors.py": {"Thread"},  # counts the floor
    "panels/music_counts.py": {"Thread"},  # counts the corpus of music
    "panels/data/counting.py": {"Thread"},  # counts what stands in the data
    "panels/data/transfer.py": {"Thread"},  # fetches a set of data
    "panels/sweep_desk.py": {"Thread"},  # sees the trials of a sweep through
}


def name_of(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def starters(tree: ast.AST) -> dict[str, int]:
    """Return what starts threads in a module, by name, with a line of its use."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and name_of(node.func) in THREADS:
            found[name_of(node.func)] = node.lineno
        elif isinstance(node, ast.ClassDef):
            bases = {name_of(base) for base in node.bases}
            found |= dict.fromkeys(bases & THREADS, node.lineno)
    return found


def is_own(node: ast.expr) -> bool:
    """Tell a function or method of this module from one of another object."""
    words = ast.unparse(node).split(".")
    return isinstance(node, ast.Name) or (words[0] == "self" and len(words) == 2)


def run_elsewhere(tree: ast.AST) -> list[ast.FunctionDef]:
    """Return the functions of a module that run in another thread."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and name_of(node.func) in {"Thread", "submit"}:
            given = [*node.args[:1], *(k.value for k in node.keywords if k.arg == "target")]
            names |= {name_of(each) for each in given if is_own(each)}
    found = [
        node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name in names
    ]
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and {name_of(b) for b in node.bases} & THREADS:
            found += [f for f in node.body if isinstance(f, ast.FunctionDef) and f.name == "run"]
    return found


def touches(function: ast.FunctionDef) -> list[str]:
    """Return the calls in a function that look like work on a widget."""
    calls = [name_of(n.func) for n in ast.walk(function) if isinstance(n, ast.Call)]
    wrong = {"update", "repaint", "show", "hide", "setVisible", "deleteLater", "move", "resize"}
    return [name for name in calls if name in wrong or (name[:3] == "set" and name[3:4].isupper())]


def test_only_known_modules_start_threads_and_none_touches_widgets() -> None:
    unknown, wrong, known = [], [], set()
    for path in sorted(STUDIO.rglob("*.py")):
        place, tree = path.relative_to(STUDIO).as_posix(), ast.parse(path.read_text("utf-8"))
        for name, line in starters(tree).items():
            known.add(place)
            if name not in ALLOWED.get(place, set()):
                unknown.append(f"{place}:{line}: {name}")
        for function in run_elsewhere(tree):
            wrong += [f"{place}:{function.lineno}: {name}" for name in touches(function)]
    assert unknown == []
    assert wrong == []
    assert known == set(ALLOWED), "the list of exceptions may only shrink"


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("import threading\nthreading.Thread(target=f)", "Thread"),
        ("from PySide6.QtCore import QThread\nclass A(QThread): pass", "QThread"),
        ("from PySide6 import QtCore\nclass A(QtCore.QRunnable): pass", "QRunnable"),
        ("pool = futures.ThreadPoolExecutor(1)", "ThreadPoolExecutor"),
    ],
)
def test_the_search_for_threads_finds(source: str, name: str) -> None:
    assert set(starters(ast.parse(source))) == {name}


@pytest.mark.parametrize(
    "source",
    [
        "class A(QRunnable):\n    def run(self):\n        self.label.setText('x')",
        "def f(self):\n    self.update()\nThread(target=f)",
        "class B:\n    def work(self):\n        self.w.show()\n    def go(self):\n"
        "        self.pool.submit(self.work)",
    ],
)
def test_the_search_for_touched_widgets_finds(source: str) -> None:
    assert [touches(each) for each in run_elsewhere(ast.parse(source))] != [[]]
    assert run_elsewhere(ast.parse(source))
