"""The table of runs and the samples panel, on runs in folders and real texts."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest

from seqstudio.blocks.templates import make
from seqstudio.document.document import Document
from seqstudio.document.project import project_text, save_project
from seqstudio.records.messages import Facts, StateChanged
from seqstudio.records.readings import Metrics, Sample, Validation
from seqstudio.runtime.store import RunStore
from seqstudio.studio.panels.differences import differences
from seqstudio.studio.panels.runs import RunsPanel
from seqstudio.studio.panels.samples import MOST_BITS, SamplesPanel
from seqstudio.studio.session import Session
from seqstudio.studio.theme import themes

LEFT = Qt.MouseButton.LeftButton


def metrics(losses):
    n = len(losses)
    steps = np.arange(1, n + 1)
    flat = np.full(n, 1.0)
    return Metrics(steps, np.asarray(losses, float), flat, flat * 2e-3, flat, steps * 0.1, steps)


def keep(folder, name, project, loss, valid, state="finished", floor=1.5):
    """Write a run into the project's folder of runs, as a trainer does."""
    store = RunStore.create(folder / name, project_text(project))
    store.append(Facts(1234, 4.0, "counting 5-grams", floor, "nats per character", 9, 9, "cpu"))
    store.append(StateChanged("running", 0, "cpu"))
    store.append(metrics(loss))
    store.append(Validation(len(loss), valid, math.nan, 10, True, True))
    store.append(StateChanged(state, len(loss), "cpu"))
    store.close()


@pytest.fixture
def project_with_runs(qtbot, tmp_path, small_text):
    """A session on a saved project with three runs: the LSTM in view, a GRU, a wider LSTM."""
    themes().set_mode("dark")
    lstm = make("char-lstm", str(small_text))
    gru = make("char-gru", str(small_text))
    blocks = {
        key: replace(block, params={**block.params, "hidden": 64})
        if block.kind == "lstm"
        else block
        for key, block in lstm.graph.blocks.items()
    }
    narrow = replace(lstm, graph=replace(lstm.graph, blocks=blocks))
    path = tmp_path / "cats.seq"
    save_project(lstm, path)
    home = tmp_path / "cats.runs"
    keep(home, "lstm-1", lstm, [4.0, 2.0], 1.4)
    keep(home, "gru-1", gru, [4.0, 3.0, 1.9], 1.6)
    keep(home, "lstm-2", narrow, [4.0], 3.9, state="stopped")
    document = Document()
    document.open(path)
    session = Session(document, threads=True)
    session.open_run("lstm-1")
    yield session
    session.begin_close()
    assert session.end_close()


def table_of(shown, qtbot, session, **size):
    panel = shown(RunsPanel(session), **size)
    qtbot.waitUntil(lambda: len(panel.rows) == 3)
    return panel


def row_named(panel, name):
    return next(number for number, row in enumerate(panel.rows) if row.name == name)


def click(panel, name, column):
    table = panel._table
    cell = table.visualRect(table.model().index(row_named(panel, name), column))
    QTest.mouseClick(table.viewport(), LEFT, pos=cell.center())


# ------------------------------------------------------------------------------------ runs


def test_every_run_has_its_numbers(project_with_runs, shown, qtbot):
    panel = table_of(shown, qtbot, project_with_runs)
    rows = {row.name: row for row in panel.rows}
    assert panel.rows[0].name == "lstm-1"
    assert panel.rows[0].current
    assert rows["lstm-1"].below_floor == pytest.approx(0.1)
    assert rows["gru-1"].below_floor == pytest.approx(-0.1)
    assert rows["gru-1"].train == pytest.approx(1.9), "the mean of the newest step alone"
    assert (rows["gru-1"].step, rows["gru-1"].parameters) == (3, 1234)
    assert rows["lstm-2"].state == "stopped"
    model = panel._table.model()
    told = [model.data(model.index(row_named(panel, "gru-1"), c)) for c in range(11)]
    assert told[1:3] == ["GRU · gru-1", "finished"]
    assert told[4:9] == ["3", "1.900", "1.600", "−0.10", "1,234"]


def test_only_what_differs_is_told(project_with_runs, shown, qtbot):
    panel = table_of(shown, qtbot, project_with_runs)
    rows = {row.name: row for row in panel.rows}
    assert rows["lstm-1"].differs == ""
    assert rows["lstm-2"].differs == "hidden units 64"
    assert rows["gru-1"].differs.startswith("GRU")
    assert "lr 0.003" in rows["gru-1"].differs


def test_click_opens_a_run(project_with_runs, shown, qtbot):
    panel = table_of(shown, qtbot, project_with_runs)
    click(panel, "gru-1", 1)
    assert project_with_runs.history.run == "gru-1"
    qtbot.waitUntil(lambda: panel.rows[0].name == "gru-1")


def test_click_never_ends_a_training(project_with_runs, shown, qtbot):
    panel = table_of(shown, qtbot, project_with_runs)
    project_with_runs.state = "running"
    with qtbot.waitSignal(project_with_runs.notice) as told:
        click(panel, "gru-1", 1)
    assert project_with_runs.history.run == "lstm-1"
    assert "gru-1" in project_with_runs.others
    assert "gru-1" in told.args[0].what
    project_with_runs.state = "finished"


def test_box_and_space_draw_a_run_beside(project_with_runs, shown, qtbot):
    panel = table_of(shown, qtbot, project_with_runs)
    click(panel, "gru-1", 0)
    assert set(project_with_runs.others) == {"gru-1"}
    qtbot.waitUntil(lambda: panel.rows[row_named(panel, "gru-1")].beside)
    table = panel._table
    table.setCurrentIndex(table.model().index(row_named(panel, "lstm-2"), 1))
    QTest.keyClick(table, Qt.Key.Key_Space)
    assert set(project_with_runs.others) == {"gru-1", "lstm-2"}
    qtbot.waitUntil(lambda: panel.rows[row_named(panel, "lstm-2")].beside)
    click(panel, "gru-1", 0)
    assert set(project_with_runs.others) == {"lstm-2"}


def test_menu_offers_the_folder(project_with_runs, shown, qtbot):
    panel = table_of(shown, qtbot, project_with_runs)
    menu = panel.context_menu(row_named(panel, "gru-1"))
    assert [action.text() for action in menu.actions() if action.text()] == [
        "Open", "Draw beside", "Fork…", "Name, tags, notes…", "Export", "Delete", "Show folder",
    ]  # fmt: skip
    assert panel.rows[row_named(panel, "gru-1")].folder.endswith("gru-1")
    menu.actions()[1].trigger()
    assert "gru-1" in project_with_runs.others


def test_narrow_tables_drop_columns_and_never_scroll_sideways(project_with_runs, shown, qtbot):
    panel = table_of(shown, qtbot, project_with_runs)
    for width in (560, 720, 1000):
        panel.resize(width, 300)
        table = panel._table
        columns = [c for c in range(11) if not table.isColumnHidden(c)]
        used = sum(table.columnWidth(c) for c in columns)
        assert used == table.viewport().width()
    assert len(columns) == 11


def test_picture_of_the_table_needs_no_window(project_with_runs):
    panel = RunsPanel(project_with_runs)
    image = panel.to_image(720, 200)
    assert (image.width(), image.height()) == (720, 200)
    assert len(panel.rows) == 3
    panel.deleteLater()


def test_without_runs_the_table_says_how_to_get_one(viewing, shown, qtbot):
    panel = shown(RunsPanel(viewing("hello-rnn", run=False)))
    qtbot.waitUntil(lambda: panel.is_empty)


def test_differences_of_equal_projects_are_none(small_text):
    project = make("char-lstm", str(small_text))
    assert differences(project, project) == []
    moved = {key: replace(block, x=block.x + 5) for key, block in project.graph.blocks.items()}
    assert differences(replace(project, graph=replace(project.graph, blocks=moved)), project) == []


# --------------------------------------------------------------------------------- samples


def sample(text="abcd", *, step=5, request=0, prompt="", p=None, done=True, seed=0):
    probability = np.full(len(text), 0.5, np.float32) if p is None else np.asarray(p, np.float32)
    return Sample(
        request, step, prompt, text, probability, (("e", 0.6), ("t", 0.4)), 0.8, seed, done
    )


def writing(session, *samples):
    session.history.samples.clear()
    session.history.writing = None
    session.history.extend(samples)
    return session


@pytest.fixture
def fresh(viewing):
    """A session whose history no other test shares."""
    from seqstudio.runtime.history import RunHistory

    def give(*samples):
        session = viewing("char-lstm")
        session.history = RunHistory("lstm-7")
        session.history.step = 100
        return writing(session, *samples)

    return give


def test_real_text_is_underlined_by_its_surprise(viewing, shown):
    session = viewing("char-lstm")
    panel = shown(SamplesPanel(session))
    newest = session.history.samples[-1]
    cells = panel._strip._cells
    assert "".join(cells._tokens) == newest.prompt + newest.text
    bits = -np.log2(newest.probability.astype(float))
    np.testing.assert_allclose(cells._value_N[len(newest.prompt) :], bits)
    assert panel._bars.choices == newest.choices[:8]


def test_prompt_is_pale_and_has_no_surprise(fresh, shown):
    panel = shown(SamplesPanel(fresh(sample("cat", prompt="the ", p=[1.0, 0.5, 0.25]))))
    cells = panel._strip._cells
    assert cells.dimmed == 4
    assert np.isnan(cells._value_N[:4]).all()
    np.testing.assert_allclose(cells._value_N[4:], [0, 1, 2])
    assert MOST_BITS > 2


def test_text_grows_while_it_is_written(fresh, shown):
    session = fresh(sample("old"))
    panel = shown(SamplesPanel(session))
    for length in (1, 2, 3):
        session.events.emit(session.history.extend([sample("new"[:length], done=False, step=9)]))
        assert "".join(panel._strip._cells._tokens) == "new"[:length]
    panel.refresh()
    assert "being written" in panel.header.subtitle()


def test_the_training_clock_shows_the_text_of_then(fresh, shown):
    session = fresh(sample("first", step=10), sample("second", step=50))
    panel = shown(SamplesPanel(session))
    assert panel.sample.text == "second"
    session.move_cursor(step=20)
    assert panel.sample.text == "first"
    session.move_cursor(step=5)
    assert panel.is_empty
    session.move_cursor(step=None)
    assert panel.sample.text == "second"


def test_the_list_leads_to_earlier_texts(fresh, shown):
    session = fresh(sample("first", step=10), sample("mine", step=10, request=1), sample("last"))
    panel = shown(SamplesPanel(session))
    words = [panel._steps.item(row).text() for row in range(panel._steps.count())]
    assert words == ["newest", "10", "10", "5"]
    item = panel._steps.item(1)  # of one step, the later text stands first
    QTest.mouseClick(panel._steps.viewport(), LEFT, pos=panel._steps.visualItemRect(item).center())
    assert session.cursor.step == 10
    assert panel.sample.text == "mine"
    top = panel._steps.visualItemRect(panel._steps.item(0)).center()
    QTest.mouseClick(panel._steps.viewport(), LEFT, pos=top)
    assert session.cursor.step is None


def test_click_on_a_character_moves_the_sequence_clock(fresh, shown, qtbot):
    session = fresh(sample("abcd", p=[0.5, 0.5, 0.125, 0.5]))
    panel = shown(SamplesPanel(session))
    place = panel._strip.token_rect(2).center().toPoint()
    target = panel._strip.childAt(place)
    with qtbot.waitSignal(session.cursor_changed):
        QTest.mouseClick(target, LEFT, pos=target.mapFrom(panel._strip, place))
    assert session.cursor.t == 2
    qtbot.waitUntil(lambda: "“c”" in panel.header.subtitle())
    assert panel.header.subtitle().endswith("0.12, 3.0 bits")


def test_write_another_asks_with_the_fields_and_takes_another_seed(fresh, shown, monkeypatch):
    session = fresh(sample())
    asked = []
    monkeypatch.setattr(session, "write", lambda *wish: asked.append(wish) or 1)
    panel = shown(SamplesPanel(session))
    panel._form.prompt.setText("X:1\\n")
    panel._form.top_k.set_value(5)
    panel._form.button.click()
    panel._form.button.click()
    length = session.document.project.sampling.length
    assert asked == [("X:1\n", length, 0.8, 5, 1.0, seed) for seed in (0, 1)]


def test_fields_change_the_project_and_can_be_undone(fresh, shown):
    session = fresh(sample())
    panel = shown(SamplesPanel(session))
    field = panel._form.temperature
    field.setFocus()
    field.selectAll()
    QTest.keyClicks(field, "1.25")
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert session.document.project.sampling.temperature == 1.25
    session.document.undo()
    assert panel._form.temperature.value() == 0.8


def test_copy_puts_prompt_and_text_on_the_clipboard(fresh, shown):
    panel = shown(SamplesPanel(fresh(sample("cat", prompt="the "))))
    panel._copy.click()
    assert QGuiApplication.clipboard().text() == "the cat"


def test_a_model_of_values_writes_no_text(viewing, shown):
    panel = shown(SamplesPanel(viewing("adding-lstm", run=False)))
    assert panel.is_empty


def test_bars_move_under_the_text_where_it_is_narrow(fresh, shown):
    panel = shown(SamplesPanel(fresh(sample())), 900, 400)
    beside = panel._bars.mapTo(panel, QPoint(0, 0))
    assert beside.x() > panel._strip.mapTo(panel, QPoint(panel._strip.width() - 1, 0)).x()
    panel.resize(420, 500)
    QGuiApplication.processEvents()
    below = panel._bars.mapTo(panel, QPoint(0, 0))
    assert below.y() > panel._strip.mapTo(panel, QPoint(0, 10)).y()
    assert panel._strip.width() > 250
