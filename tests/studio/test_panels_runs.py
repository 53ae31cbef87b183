"""What is done with runs from the table: forked, described, filtered, deleted, followed."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QDialog

from seqstudio.blocks.templates import make
from seqstudio.core.errors import RunError
from seqstudio.document.document import Document
from seqstudio.document.project import load_project, project_text, save_project
from seqstudio.records.messages import Facts, StateChanged
from seqstudio.records.readings import Metrics, Validation
from seqstudio.runtime.archive import open_run
from seqstudio.runtime.forking import forked_from
from seqstudio.runtime.notes import RunNotes, load_notes
from seqstudio.runtime.store import RunStore, is_locked
from seqstudio.studio.panels.curves import CurvesPanel
from seqstudio.studio.panels.fork_dialog import ForkDialog
from seqstudio.studio.panels.run_dialog import RunDialog
from seqstudio.studio.panels.runs import RunsPanel
from seqstudio.studio.run_homes import RunTrash, rename_run
from seqstudio.studio.session import Session
from seqstudio.studio.theme import themes

PATIENCE_MS = 180_000


def metrics(first, losses):
    n = len(losses)
    steps, flat = np.arange(first, first + n), np.full(n, 1.0)
    return Metrics(steps, np.asarray(losses, float), flat, flat * 2e-3, flat, steps * 0.1, steps)


def keep(folder, project, losses, valid, state="finished"):
    store = RunStore.create(folder, project_text(project))
    store.append(Facts(1234, 4.0, "counting", 1.5, "nats per character", 9, 9, "cpu"))
    store.append(StateChanged("running", 0, "cpu"))
    store.append(metrics(1, losses))
    store.append(Validation(len(losses), valid, math.nan, 10, True, True))
    store.append(StateChanged(state, len(losses), "cpu"))
    store.close()


def endless(project):
    training = project.training.with_value("budget", "steps").with_value("steps", 10**8)
    training = training.with_value("threads", 1).with_value("precision", "float32")
    return type(project)(project.graph, project.data, training, project.sampling)


@pytest.fixture
def session_on(qtbot, tmp_path):
    """Give a session on a saved project of the smallest model, with runs named in advance."""
    themes().set_mode("dark")
    made = []

    def build(runs=(), *, threads=True):
        project = endless(make("hello-rnn"))
        path = tmp_path / "hello.seq"
        save_project(project, path)
        for name, losses, valid in runs:
            keep(tmp_path / "hello.runs" / name, project, losses, valid)
        document = Document()
        document.open(path)
        session = Session(document, threads=threads)
        made.append(session)
        qtbot.waitUntil(lambda: session.facts is not None, timeout=PATIENCE_MS)
        return session

    yield build
    for session in made:
        session.begin_close()
        assert session.end_close(30)


THREE = (("b-1", [3.0, 2.0, 1.0], 1.4), ("a-2", [4.0] * 4, math.nan), ("c-3", [9.0, 5.0], 0.2))


@pytest.fixture
def panel(session_on, shown, qtbot):
    panel = shown(RunsPanel(session_on(THREE)), 1100)
    qtbot.waitUntil(lambda: len(panel.rows) == 3)
    return panel


def names(panel):
    return [row.name for row in panel.rows]


def row(panel, name):
    return next(each for each in panel.rows if each.name == name)


# ----------------------------------------------------------------------- finding and ordering


def test_a_click_on_a_column_sorts_and_a_missing_number_comes_last(panel):
    start = names(panel)
    panel.sort_by(6)
    assert names(panel) == ["c-3", "b-1", "a-2"]
    panel.sort_by(6)
    assert names(panel) == ["b-1", "c-3", "a-2"]
    panel.sort_by(6)
    assert names(panel) == start
    head = panel._table.horizontalHeader()
    QTest.mouseClick(
        head.viewport(), Qt.MouseButton.LeftButton,
        pos=head.rect().topLeft() + head.sectionViewportPosition(1) * _right() + 4 * _down(),
    )  # fmt: skip
    assert names(panel) == ["a-2", "b-1", "c-3"]


def _right():
    from PySide6.QtCore import QPoint

    return QPoint(1, 0)


def _down():
    from PySide6.QtCore import QPoint

    return QPoint(2, 1)


def test_the_filter_looks_at_names_tags_and_notes(panel, qtbot):
    panel._acts.keep_words(row(panel, "a-2"), "a-2", RunNotes("a Wide one", ("best",)))
    qtbot.waitUntil(lambda: row(panel, "a-2").tags == "best")
    for words, found in (("wide", ["a-2"]), ("BEST a-", ["a-2"]), ("c-3", ["c-3"]), ("x", [])):
        panel._filter.setText(words)
        assert names(panel) == found
    panel._filter.setText("finished")
    assert len(panel.rows) == 3
    assert "3 runs" in panel.header.subtitle()


def test_every_row_has_its_curve(panel):
    assert row(panel, "b-1").curve == pytest.approx((3.0, 2.0, 1.0))
    image = panel.to_image(1100, 200)
    assert image.width() == 1100


# -------------------------------------------------------------------------- words and deleting


def test_the_dialog_keeps_tags_notes_and_the_name(panel, qtbot):
    folder = Path(row(panel, "a-2").folder)
    panel._acts.describe(row(panel, "a-2"))
    dialog = panel.findChild(RunDialog)
    dialog.name.setText("wide")
    dialog.tags.setText("one, two,one")
    dialog.notes.setPlainText("why\nnot")
    dialog.buttons.accepted.emit()
    qtbot.waitUntil(lambda: "wide" in names(panel))
    assert not folder.exists()
    assert load_notes(folder.parent / "wide") == RunNotes("why\nnot", ("one", "two"))
    assert panel.session.trash.names(folder.parent) == []


def test_a_deleted_run_comes_back_whole(panel, qtbot):
    home = panel.session.runs_home
    before = {p.relative_to(home): p.read_bytes() for p in (home / "b-1").rglob("*")}
    panel.session.overlay("b-1", True)
    with qtbot.waitSignal(panel.session.notice) as told:
        panel._acts.delete(row(panel, "b-1"))
    assert "close SeqStudio" in told.args[0].hint
    assert "b-1" not in panel.session.others
    qtbot.waitUntil(lambda: len(panel.rows) == 2)
    assert panel._undo.isVisible()
    assert not (home / "b-1").exists()
    panel._table.setFocus()
    panel._table.setCurrentIndex(panel._table.model().index(0, 1))
    QTest.keyClick(panel._table, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: len(panel.rows) == 3)
    assert {p.relative_to(home): p.read_bytes() for p in (home / "b-1").rglob("*")} == before
    assert not panel._undo.isVisible()


def test_the_run_in_view_can_be_deleted_and_its_name_is_not_given_again(panel, qtbot):
    session = panel.session
    session.open_run("b-1")
    qtbot.waitUntil(lambda: row(panel, "b-1").current)
    panel._acts.delete(row(panel, "b-1"))
    qtbot.waitUntil(lambda: len(panel.rows) == 2)
    assert (session.history.run, session.state) == ("", "idle")
    keep(session.runs_home / "rnn-1", session.project, [1.0], 1.0)
    session.trash.throw(session.runs_home, "rnn-1")
    assert panel._acts._next_name() == "rnn-2"


def test_the_trash_is_emptied_only_of_what_was_told(tmp_path):
    project = make("hello-rnn")
    for name in ("one", "two"):
        keep(tmp_path / name, project, [1.0], 1.0)
    RunTrash().throw(tmp_path, "one")  # by a program that did not end well
    trash = RunTrash()
    trash.throw(tmp_path, "two")
    assert trash.names(tmp_path) == ["two", "one"]
    trash.empty()
    assert trash.names(tmp_path) == ["one"]
    trash.restore(tmp_path, "one")
    assert open_run(tmp_path / "one").step == 1


def test_what_a_trainer_writes_is_neither_deleted_nor_renamed(tmp_path):
    keep(tmp_path / "one", make("hello-rnn"), [1.0], 1.0)
    store = RunStore.resume(tmp_path / "one", project_text(make("hello-rnn")))
    for act in (
        lambda: RunTrash().throw(tmp_path, "one"),
        lambda: rename_run(tmp_path, "one", "two"),
    ):
        with pytest.raises(RunError, match="a trainer writes it"):
            act()
    store.close()
    for new in ("", "../x", "a/b", ".x", "a" * 65):
        with pytest.raises(RunError, match="cannot be called"):
            rename_run(tmp_path, "one", new)


# ----------------------------------------------------------------------------------- exporting


def test_the_table_exports_the_run_and_those_beside_it(panel, qtbot, tmp_path):
    panel.session.open_run("b-1")
    panel.session.overlay("c-3", True)
    qtbot.waitUntil(lambda: row(panel, "c-3").beside)
    with qtbot.waitSignal(panel.session.notice) as told:
        panel._acts.write(row(panel, "b-1"), "html", tmp_path / "page.html")
    assert told.args[0].what == "Exported page.html"
    text = (tmp_path / "page.html").read_text("utf-8")
    assert "b-1, c-3" in text
    with qtbot.waitSignal(panel.session.notice) as told:
        panel._acts.write(row(panel, "b-1"), "csv", tmp_path / "page.html" / "x")
    assert told.args[0].level == "warn"


# ------------------------------------------------------------------------------------- forking


def test_the_dialog_offers_every_setting_and_refuses_a_bad_value(panel, qtbot):
    folder = Path(row(panel, "b-1").folder)
    dialog = ForkDialog(folder, 2, 3, "rnn-9", panel)
    qtbot.addWidget(dialog)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
    assert dialog._go.isEnabled(), "a fork without a change is one too"
    assert "Repeats 2 steps from the start" in dialog._from.text()
    options = [dialog.setting.itemText(n) for n in range(dialog.setting.count())]
    assert "Training: Learning rate" in options
    assert any(each.endswith(": Hidden units") for each in options)
    dialog.setting.set_value("training.learning_rate")
    dialog._setting_changed("training.learning_rate")
    dialog.value.setText("-1")
    assert not dialog._go.isEnabled()
    assert dialog._problem.text()
    dialog.value.setText("0.5")
    assert dialog._go.isEnabled()
    dialog.name.setText("b-1")
    assert "already a run" in dialog._problem.text()
    dialog.name.setText("rnn-9")
    with qtbot.waitSignal(dialog.wanted) as told:
        dialog._finish()
    step, project, name = told.args
    assert (step, name, project.training.learning_rate) == (2, "rnn-9", 0.5)
    assert dialog.result() == QDialog.DialogCode.Accepted


@pytest.mark.timeout(600)
def test_a_running_run_is_forked_and_both_go_on(session_on, shown, qtbot):
    session = session_on(threads=False)
    curves = shown(CurvesPanel(session))
    panel = shown(RunsPanel(session), 1100)
    session.play()
    qtbot.waitUntil(lambda: session.history.step > 260, timeout=PATIENCE_MS)
    parent, step = session.history, 250
    new = session.project.training.with_value("learning_rate", 1e-4)
    project = type(session.project)(
        session.project.graph, session.project.data, new, session.project.sampling
    )
    folder = session.runs_home / "rnn-1"
    qtbot.waitUntil(lambda: open_run(folder).step > step, timeout=PATIENCE_MS)
    panel._acts.begin_fork(folder, step, project, "rnn-2")
    qtbot.waitUntil(lambda: session.history.run == "rnn-2", timeout=PATIENCE_MS)
    assert session.project.training.learning_rate == 1e-4
    before = parent.step
    fork = session.history
    qtbot.waitUntil(lambda: fork.step > step + 5 and parent.step > before, timeout=PATIENCE_MS)
    assert session.others["rnn-1"] is parent, "the other curve grows in the same chart"
    assert is_locked(folder)
    assert is_locked(session.runs_home / "rnn-2")
    assert np.array_equal(parent.curves.loss[:step], fork.curves.loss[:step])
    assert np.array_equal(parent.curves.rate[:step], fork.curves.rate[:step])
    assert fork.curves.rate[step] < parent.curves.rate[step] / 2
    assert parent.state == "running"
    assert not fork.failures
    assert set(curves._runs) == {"rnn-1", "rnn-2"}
    qtbot.waitUntil(lambda: len(panel.rows) == 2 and row(panel, "rnn-1").live)
    session.open_run("rnn-1")  # back to the first: now the fork goes on beside it
    assert session.history is parent
    assert session.state == "running"
    before = fork.step
    qtbot.waitUntil(lambda: fork.step > before, timeout=PATIENCE_MS)
    session.pause()
    qtbot.waitUntil(lambda: session.state == "paused", timeout=PATIENCE_MS)
    assert fork.state == "running"
    assert forked_from(session.runs_home / "rnn-2") == "rnn-1 at step 250"
    assert load_project(session.runs_home / "rnn-2" / "project.seq").training == new


# ----------------------------------------------------------------------------------- following

WRITER = """
import sys, time
from pathlib import Path
sys.path.insert(0, {tests!r})
from seqstudio.runtime.store import RunStore
from seqstudio.records.messages import StateChanged
from test_panels_runs import metrics
folder, text = Path(sys.argv[1]), Path(sys.argv[2]).read_text()
store = RunStore.create(folder, text)
store.append(StateChanged("running", 0, "cpu"))
for step in (1, 3, 5):
    store.append(metrics(step, [4.0 - step / 2, 3.0 - step / 2]))
    print(step, flush=True)
    sys.stdin.readline()
store.append(StateChanged("finished", 6, "cpu"))
store.close()
"""


@pytest.fixture
def writer(tmp_path):
    """Give a run that another program writes, a few steps at each line it is sent."""
    started = []

    def start(session):
        home = session.runs_home
        home.mkdir(exist_ok=True)
        source = WRITER.format(tests=str(Path(__file__).parent))
        args = [sys.executable, "-c", source, str(home / "far-1"), str(session.document.path)]
        pipe = subprocess.PIPE
        env = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
        child = subprocess.Popen(args, stdin=pipe, stdout=pipe, text=True, env=env)
        started.append(child)
        assert child.stdout.readline() == "1\n"
        return child

    yield start
    for child in started:
        child.stdin.close()
        child.stdout.close()
        assert child.wait(30) == 0


def on(child):
    child.stdin.write("\n")
    child.stdin.flush()


def test_a_run_of_another_program_is_followed_live(session_on, writer, qtbot):
    session = session_on()
    child = writer(session)
    session.open_run("far-1")
    assert (session.state, session.history.step) == ("running", 2)
    with qtbot.waitSignal(session.notice) as told:
        session.pause()
    assert "another program" in told.args[0].what
    on(child)
    qtbot.waitUntil(lambda: session.history.step == 4, timeout=PATIENCE_MS)
    assert session.history.curves.loss.tolist() == [3.5, 2.5, 2.5, 1.5]
    on(child)
    on(child)
    qtbot.waitUntil(lambda: session.state == "finished", timeout=PATIENCE_MS)
    assert session.history.step == 6


def test_a_run_beside_grows_while_another_program_writes_it(session_on, writer, shown, qtbot):
    session = session_on(THREE)
    child = writer(session)
    curves = shown(CurvesPanel(session))
    session.open_run("b-1")
    session.overlay("far-1", True)
    drawn = session.others["far-1"]
    assert drawn.step == 2
    on(child)
    qtbot.waitUntil(lambda: drawn.step == 4, timeout=PATIENCE_MS)
    assert session.others["far-1"] is drawn
    assert "far-1" in curves._runs
    on(child)
    on(child)
    qtbot.waitUntil(lambda: drawn.state == "finished", timeout=PATIENCE_MS)
    session.overlay("far-1", False)
    assert "far-1" not in session.others


def test_the_key_forks_at_the_step_of_the_training_clock(panel, qtbot):
    session = panel.session
    session.open_run("b-1")
    session.move_cursor(step=2)
    qtbot.waitUntil(lambda: row(panel, "b-1").current)
    panel._table.setCurrentIndex(panel._table.model().index(names(panel).index("b-1"), 1))
    QTest.keyClick(panel._table, Qt.Key.Key_F)
    dialog = panel.findChild(ForkDialog)
    assert dialog.step.value() == 2
    assert dialog.name.text() == "rnn-1"
    dialog.reject()
