"""A person at the real window, with a real trainer process and models that learn in moments."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("PySide6", reason="journeys through the window need Qt")

from PySide6.QtCore import QSettings, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMessageBox

from seqstudio.blocks.templates import make
from seqstudio.document.project import Project
from seqstudio.runtime.runner import Runner
from seqstudio.runtime.supervisor import ProcessRunner
from seqstudio.studio.app import open_window
from seqstudio.studio.faults import FaultCatcher
from seqstudio.studio.session import ACTIVE
from seqstudio.studio.window import MainWindow

PATIENCE_MS = 60_000
ENDLESS = 10**8
WORDS = "the cat sat on the mat, and the dog sat on the log.\n" * 80


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("corpus") / "cats.txt"
    path.write_text(WORDS, encoding="utf-8")
    return path


def shrink(project: Project, steps: int, **training: object) -> Project:
    """Make a template so small that a step takes a millisecond or two."""
    small = {"hidden": 16, "width": 16, "layers": 1, "heads": 2}
    blocks = {
        block.id: dataclasses.replace(
            block,
            params={key: small.get(key, value) for key, value in block.params.items()},
        )
        for block in project.graph
    }
    values = {**project.training.as_dict(), "batch": 4, "window": 16, "budget": "steps"}
    values |= {"steps": steps, "threads": 1, "precision": "float32", **training}
    return dataclasses.replace(
        project,
        graph=dataclasses.replace(project.graph, blocks=blocks),
        training=type(project.training).parse(values),
    )


@pytest.fixture(scope="session")
def tiny(corpus: Path) -> Callable[..., Project]:
    """Give a small project: tiny("char-lstm", steps=20, seed=3)."""

    def build(template: str = "char-lstm", steps: int = ENDLESS, **training: object) -> Project:
        path = str(corpus) if template.startswith("char") else ""
        return shrink(make(template, path), steps, **training)

    return build


class Person:
    """Somebody who looks at a window and uses it with mouse and keys."""

    def __init__(self, qtbot, window: MainWindow) -> None:  # type: ignore[no-untyped-def]
        self.qtbot = qtbot
        self.window = window
        self.session = window.session
        self.spare: Runner | None = None
        self.heard: list[object] = []
        self.states: list[str] = []
        self.session.notice.connect(self.heard.append)
        self.session.state_changed.connect(self.states.append)

    def until(self, seen: Callable[[], bool], what: str = "") -> None:
        try:
            self.qtbot.waitUntil(seen, timeout=PATIENCE_MS)
        except BaseException as error:
            state, step = self.session.state, self.session.history.step
            note = f"{what}: state {state!r}, step {step}, error {self.window.error_text!r}"
            raise AssertionError(note) from error

    def until_state(self, state: str) -> None:
        self.until(lambda: self.session.state in {state, "failed"}, f"waited for {state}")
        assert self.session.state == state, self.window.error_text

    def until_step(self, step: int) -> None:
        self.until(lambda: self.session.history.step >= step, f"waited for step {step}")

    def click(self, button) -> None:  # type: ignore[no-untyped-def]
        self.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)

    def play(self) -> None:
        self.click(self.window.transport.play)

    def menu(self, words: str) -> None:
        """Choose an entry of the menus by its words."""
        found = [each for each in self.window.menus.findChildren(QAction) if each.text() == words]
        assert len(found) == 1, words
        found[0].trigger()

    def take(self, project: Project) -> None:
        """Begin with another project, as from the gallery."""
        self.session.new(project)
        self.until(lambda: self.session._loading is None, "the data")

    def train(self, project: Project, steps: int = 3) -> None:
        self.take(project)
        self.play()
        self.until_step(steps)

    def problem_words(self) -> str:
        """What the status line says at the left."""
        return str(self.window.status._left.text())


@pytest.fixture(scope="session")
def trainer() -> Iterator[ProcessRunner]:
    """One trainer process for many windows: a real one, with torch loaded once."""
    runner = ProcessRunner(standby=False)
    runner.warm_up()
    yield runner
    assert runner.close(60)


@pytest.fixture
def open_person(qtbot, tmp_path: Path, trainer: ProcessRunner) -> Iterator[Callable[..., Person]]:  # type: ignore[no-untyped-def]
    """Open windows: open_person(project=..., path=..., own=True for a trainer of its own)."""
    opened: list[Person] = []

    def build(
        project: Project | None = None,
        path: Path | None = None,
        *,
        own: bool = False,
        faults: FaultCatcher | None = None,
    ) -> Person:
        settings = QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat)
        settings.setValue("recent", [])
        window = open_window(path, settings=settings, faults=faults or FaultCatcher())
        person = Person(qtbot, window)
        opened.append(person)
        if not own:
            for other in opened[:-1]:
                give_back(other)
            trainer.drain()
            person.spare, window.session.view.runner = window.session.view.runner, trainer
        with qtbot.waitExposed(window):
            window.show()
        if project is not None:
            person.take(project)
        else:
            person.until(lambda: window.session.facts is not None or bool(person.problem_words()))
        return person

    yield build
    for person in opened:
        close(person)


def give_back(person: Person) -> None:
    """Let the shared trainer go on to the next window."""
    session = person.session
    if person.spare is None:
        return
    session.stop()
    person.until(lambda: session.view.runner.state not in ACTIVE, "the end of the run")
    person.until(lambda: session.desk.removal is None, "the runs in their place")
    session.view.runner, person.spare = person.spare, None


def close(person: Person) -> None:
    give_back(person)
    window = person.window
    window.begin_close()
    person.until(lambda: not window.isVisible(), "the window to close")
    window.deleteLater()


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[str]]:
    """Answer the next questions: answer("Discard"); returns the list of texts that were asked."""

    def choose(name: str) -> list[str]:
        asked: list[str] = []

        def reply(box: QMessageBox) -> int:
            asked.append(f"{box.text()} {box.informativeText()}".strip())
            return QMessageBox.StandardButton[name].value

        monkeypatch.setattr(QMessageBox, "exec", reply)
        return asked

    return choose
