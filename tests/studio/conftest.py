"""Real runs for the tests of panels: trained once, a few seconds in all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtWidgets import QWidget

from seqstudio.blocks.templates import make
from seqstudio.document.document import Document
from seqstudio.document.project import Project, project_text
from seqstudio.records.messages import StateChanged
from seqstudio.runtime.history import RunHistory

WORDS = "the cat sat on the mat, and the dog sat on the log.\n" * 80


@pytest.fixture(scope="session")
def small_text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("corpus") / "cats.txt"
    path.write_text(WORDS, encoding="utf-8")
    return path


def small_project(template: str, text: Path, steps: int) -> Project:
    """A template made small enough to train in a second."""
    plain = make(template, str(text) if template.startswith("char") else "")
    small = {"hidden": 24, "layers": 1, "heads": 2}
    blocks = {
        block.id: replace(block, params={**block.params, **{k: v for k, v in small.items()
                                                           if k in block.params}})
        for block in plain.graph
        if template.startswith("char")
    }  # fmt: skip
    graph = replace(plain.graph, blocks={**plain.graph.blocks, **blocks})
    training = replace(
        plain.training, budget="steps", steps=steps, threads=1, precision="float32", clip=0.25
    )
    if template.startswith("char"):
        training = replace(training, batch=4, window=32)
    return replace(plain, graph=graph, training=training)


def recorded(project: Project, run: str) -> RunHistory:
    """Train a project to its end in this thread and return what it said."""
    from seqstudio.engine.trainer import Start, Trainer

    history = RunHistory(run)
    told: list[object] = []
    trainer = Trainer.open(Start(run, project_text(project), "", ""), told.append)
    told.append(StateChanged("running", 0, trainer.detail))
    while trainer.advance():
        pass
    trainer.finish()
    trainer.flush()
    told.append(StateChanged("finished", trainer.step, trainer.detail))
    history.extend(told)  # type: ignore[arg-type]
    return history


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
