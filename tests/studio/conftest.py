"""Real runs for the tests of panels: trained once, a few seconds in all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QWidget

from seqstudio.document.document import Document
from seqstudio.document.project import Project
from seqstudio.runtime.history import RunHistory
from tests.small_runs import WORDS, recorded, small_project


@pytest.fixture(scope="session")
def small_text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("corpus") / "cats.txt"
    path.write_text(WORDS, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def trained(small_text: Path) -> Callable[[str], tuple[Project, RunHistory]]:
    """Give project and history of a template by name, trained at the first request."""
    kept: dict[str, tuple[Project, RunHistory]] = {}
    steps = {"hello-rnn": 120, "char-lstm": 150, "char-gpt": 40, "char-rnn": 60, "adding-lstm": 40}

    def give(template: str) -> tuple[Project, RunHistory]:
        if template not in kept:
            project = small_project(template, small_text, steps[template])
            kept[template] = project, recorded(project, f"{template.partition('-')[2]}-1")
        return kept[template]

    return give


@pytest.fixture
def viewing(qtbot, trained) -> Iterator[Callable[..., object]]:  # type: ignore[no-untyped-def]
    """Give a session that looks at a real run, or at a project that was never trained."""
    from seqstudio.studio.session import Session
    from seqstudio.studio.theme import themes

    themes().set_mode("dark")
    made: list[Session] = []

    def build(template: str, *, run: bool = True) -> Session:
        project, history = trained(template)
        session = Session(Document(project), threads=True)
        made.append(session)
        qtbot.waitUntil(lambda: session.facts is not None)
        if run:
            session.history, session.run_project = history, project
            session.state = "finished"
        return session

    yield build
    for session in made:
        session.begin_close()
        assert session.end_close()


@pytest.fixture
def shown(qtbot) -> Iterator[Callable[..., QWidget]]:  # type: ignore[no-untyped-def]
    """Show a panel at a usual size; it lives until the test has ended."""
    kept: list[QWidget] = []

    def show(panel: QWidget, width: int = 720, height: int = 420) -> QWidget:
        kept.append(panel)  # else a collection of garbage may take it away while it paints
        qtbot.addWidget(panel)
        panel.resize(width, height)
        with qtbot.waitExposed(panel):
            panel.show()
        return panel

    yield show
    kept.clear()
