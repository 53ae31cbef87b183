"""The sweep panel: planning, brushing, pointing, clicking, taking settings over, real trials."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from seqstudio.blocks.settings import value_of
from seqstudio.blocks.templates import make
from seqstudio.document.document import Document
from seqstudio.document.edits import SetSetting, Together
from seqstudio.document.project import save_project
from seqstudio.document.sweep import Choices, Plan, Span, Sweep, save_sweep
from seqstudio.runtime.archive import list_runs
from seqstudio.runtime.sweeping import begin_sweep
from seqstudio.studio.panels.sweep import RESULTS, SweepPanel
from seqstudio.studio.panels.sweep_axes import may_vary, suggestion, weave
from seqstudio.studio.panels.sweep_form import AxisRow
from seqstudio.studio.panels.sweep_plot import ParallelPlot, loss_colour
from seqstudio.studio.session import Session
from seqstudio.studio.theme import contrast, theme, themes
from seqstudio.studio.window import MainWindow

LEFT = Qt.MouseButton.LeftButton
RATE = "training.learning_rate"
PATIENCE_MS = 45_000


def hello():
    fixed = {"threads": 1, "precision": "float32"}
    edits = tuple(SetSetting("training", name, value) for name, value in fixed.items())
    return Together(edits, "").apply(make("hello-rnn"))


def swept():
    """Six trials: hidden 4, 6, 8 at two rates; losses 1.0 to 2.0, the last one failed."""
    axes = (Choices("rnn.hidden", (4, 6, 8)), Span(RATE, 1e-3, 1e-1, log=True))
    plan = Plan(axes, trials=6)
    sweep = Sweep("sweep-1", plan, plan.first_trials())
    for number, loss in enumerate((2.0, 1.6, 1.8, 1.2, 1.0, math.nan)):
        state = "failed" if math.isnan(loss) else "done"
        trial = replace(sweep.trials[number], state=state, loss=loss, run=f"rnn-{number + 1}")
        sweep = sweep.with_trial(trial)
    return sweep


@pytest.fixture
def plot(shown) -> ParallelPlot:
    themes().set_mode("dark")
    widget = shown(ParallelPlot(), 600, 320)
    widget.set_weave(weave(swept(), hello()))
    return widget


@pytest.fixture
def session(qtbot, tmp_path):
    themes().set_mode("dark")
    document = Document()
    save_project(hello(), tmp_path / "h.seq")
    document.open(tmp_path / "h.seq")
    session = Session(document, threads=True)
    qtbot.waitUntil(lambda: session.facts is not None)
    yield session
    session.begin_close()
    assert session.end_close(30.0)


def panel_with(shown, session):
    """A panel on the sweep of `swept`, as if found in the folder of runs."""
    folder = begin_sweep(session.runs_home, session.project, swept().plan)
    save_sweep(swept(), folder)
    panel = shown(SweepPanel(session), 980, 420)
    panel.show_view(RESULTS)
    return panel


def place(plot, axis, share):
    return QPoint(round(plot.axis_x(axis)), round(plot.share_y(share)))


def drag(plot, axis, first, last):
    QTest.mousePress(plot, LEFT, pos=place(plot, axis, first))
    QTest.mouseMove(plot, place(plot, axis, (first + last) / 2))
    QTest.mouseMove(plot, place(plot, axis, last))
    QTest.mouseRelease(plot, LEFT, pos=place(plot, axis, last))


def on_line(plot, number):
    """A pixel in the middle between the last two axes, on the line of a trial."""
    strand = next(each for each in plot._weave.strands if each.number == number)
    y = (plot.share_y(strand.places[-2]) + plot.share_y(strand.places[-1])) / 2
    return QPoint(round((plot.axis_x(1) + plot.axis_x(2)) / 2), round(y))


# ------------------------------------------------------------------------------ axes and lines


def test_lines_cross_each_axis_at_their_value_and_the_best_is_on_top() -> None:
    woven = weave(swept(), hello())
    assert [rail.title for rail in woven.rails][1:] == ["Learning rate", "Validation loss"]
    assert [strand.number for strand in woven.strands] == [0, 2, 1, 3, 4]
    best = woven.strands[-1]
    assert best.places[:2] == (1.0, 0.0)  # hidden 8 of 4, 6, 8; the low end of the rates
    assert best.words == ("8", "0.001", "1.0000")
    assert best.loss_share == 0.0
    marks = {words: share for share, words in woven.rails[1].marks}
    assert marks["0.01"] == pytest.approx(0.5)


@pytest.mark.parametrize("mode", ["dark", "light"])
def test_better_lines_stand_out_more_and_all_can_be_seen(qtbot, mode) -> None:
    themes().set_mode(mode)
    ground = theme().color("surface0")
    ratios = [contrast(loss_colour(share / 10), ground) for share in range(11)]
    assert ratios == sorted(ratios, reverse=True)
    assert ratios[0] > 8
    assert ratios[-1] > 1.5
    themes().set_mode("dark")


# ------------------------------------------------------------------------- pointing and brushing


def test_a_drag_along_an_axis_keeps_the_lines_that_cross_it_there(qtbot, plot) -> None:
    assert plot.passing() == {0, 1, 2, 3, 4}
    with qtbot.waitSignal(plot.filtered, check_params_cb=lambda passing: passing == {1, 3}):
        drag(plot, 1, 0.6, 1.0)  # the high rate
    low, high = plot.brushes()[1]
    assert (low, high) == (pytest.approx(0.6, abs=0.01), pytest.approx(1.0, abs=0.01))
    drag(plot, 0, 0.4, 0.6)  # hidden 6 only
    assert plot.passing() == {3}
    drag(plot, 0, 0.4, 0.0)  # the lower end of the brush goes on down, the upper one stays
    assert plot.passing() == {1, 3}
    with qtbot.assertNotEmitted(plot.opened):
        QTest.mouseClick(plot, LEFT, pos=place(plot, 1, 0.8))  # a click frees the axis
    assert set(plot.brushes()) == {0}
    QTest.keyClick(plot, Qt.Key.Key_Escape)
    assert plot.passing() == {0, 1, 2, 3, 4}


def test_pointing_follows_a_line_and_a_click_opens_it_but_not_a_filtered_one(qtbot, plot) -> None:
    with qtbot.waitSignal(plot.pointed, check_params_cb=lambda number: number == 4):
        QTest.mouseMove(plot, on_line(plot, 4))
    before = plot.grab().toImage()
    with qtbot.waitSignal(plot.opened, check_params_cb=lambda number: number == 4):
        QTest.mouseClick(plot, LEFT, pos=on_line(plot, 4))
    QTest.mouseMove(plot, QPoint(2, 2))
    assert plot.grab().toImage() != before, "the stressed line is drawn otherwise"
    drag(plot, 2, 1.0, 0.8)  # the worst losses only
    assert 4 not in plot.passing()
    with qtbot.assertNotEmitted(plot.opened):
        QTest.mouseClick(plot, LEFT, pos=on_line(plot, 4))


def test_keys_do_what_the_mouse_does(qtbot, plot) -> None:
    plot.setFocus(Qt.FocusReason.TabFocusReason)
    with qtbot.waitSignal(plot.pointed, check_params_cb=lambda number: number == 4):
        QTest.keyClick(plot, Qt.Key.Key_Down)
    with qtbot.waitSignal(plot.pointed, check_params_cb=lambda number: number == 3):
        QTest.keyClick(plot, Qt.Key.Key_Up)
    with qtbot.waitSignal(plot.opened, check_params_cb=lambda number: number == 3):
        QTest.keyClick(plot, Qt.Key.Key_Return)
    QTest.keyClick(plot, Qt.Key.Key_Right)
    for _ in range(5):
        QTest.keyClick(plot, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    assert plot.brushes() == {0: (0.0, pytest.approx(0.5))}
    assert plot.passing() == {0, 1, 2, 3}
    QTest.keyClick(plot, Qt.Key.Key_Up, Qt.KeyboardModifier.ShiftModifier)
    assert plot.passing() == {2, 3}
    QTest.keyClick(plot, Qt.Key.Key_Delete)
    assert plot.brushes() == {}


# ------------------------------------------------------------------------------------ the panel


def test_the_table_is_sorted_by_best_and_a_brush_leaves_lines_out(qtbot, session, shown) -> None:
    panel = panel_with(shown, session)
    assert [line.trial.number for line in panel.table.lines] == [4, 3, 1, 2, 0, 5]
    assert [line.best for line in panel.table.lines][:2] == [True, False]
    assert panel.header.subtitle() == "sweep-1, 6 of 6 trials · finished · best 1.0000"
    drag(panel.plot, 1, 0.6, 1.0)
    assert [line.trial.number for line in panel.table.lines] == [3, 1]
    panel.plot.clear_brushes()
    assert len(panel.table.lines) == 6


def test_use_these_settings_is_one_edit_that_undo_takes_back(qtbot, session, shown) -> None:
    panel = panel_with(shown, session)
    before = session.project
    QTest.mouseClick(panel.use, LEFT)  # none chosen: the best
    assert value_of(session.project, "rnn.hidden") == 8
    assert value_of(session.project, RATE) == 0.001
    panel.table.selectRow(1)
    QTest.mouseClick(panel.use, LEFT)
    assert value_of(session.project, "rnn.hidden") == 6
    assert session.document.undo()
    assert value_of(session.project, "rnn.hidden") == 8
    assert session.document.undo()
    assert session.project == before
    graph = session.project.graph.without_blocks(["rnn"])
    session.document.reset(session.project.with_graph(graph), session.document.path)
    with qtbot.waitSignal(session.notice) as told:
        QTest.mouseClick(panel.use, LEFT)
    assert told.args[0].why == "There is no rnn any more."


def test_the_form_teaches_judges_what_is_typed_and_says_what_it_amounts_to(
    qtbot, session, shown
) -> None:
    panel = shown(SweepPanel(session), 980, 420)
    assert panel.is_empty
    panel.form.add.click()
    assert not panel.is_empty
    (row,) = panel.form.rows
    assert isinstance(row, AxisRow)
    assert row.key() == RATE
    row.values.setFocus()
    row.values.clear()
    QTest.keyClicks(row.values, "0.1, 20")
    assert not panel.form.start.isEnabled()
    assert "Learning rate cannot be" in panel.form.summary.text()
    row.values.clear()
    QTest.keyClicks(row.values, "0.1, 0.2")
    assert panel.form.summary.text() == "2 trials of 500 steps"
    panel.form.seeds.set_value(3)
    panel.form.tell()
    assert panel.form.summary.text() == "2 combinations × 3 seeds = 6 trials of 500 steps"
    QTest.mouseClick(row._away, LEFT)
    assert panel.is_empty


def test_suggestions_can_all_be_tried_as_they_are(session) -> None:
    from seqstudio.document.sweep import parse_axis

    for template in ("char-lstm", "char-gpt", "char-mgu", "adding-lstm"):
        project = make(template)
        places = may_vary(project)
        assert "training.budget" not in {each.key for each in places}
        for each in places:
            typed = suggestion(each.param, value_of(project, each.key))
            parse_axis(each.key, each.param, typed)


def test_a_sweep_needs_a_saved_project_then_trains_and_its_runs_open(
    qtbot, session, shown, tmp_path
) -> None:
    panel = shown(SweepPanel(session), 980, 420)
    row = panel.form.vary("rnn.hidden")
    row.values.set_value("4, 8")
    panel.form.amount.set_value(6)
    path, session.document.path = session.document.path, None
    with qtbot.waitSignal(session.notice) as told:
        panel.start()
    assert told.args[0].what == "Save the project first"
    session.document.path = path
    panel.form.tell()
    QTest.mouseClick(panel.form.start, LEFT)
    assert panel.view.value() == RESULTS
    assert panel.desk.active
    assert not panel.stop.isHidden()
    qtbot.waitUntil(lambda: not panel.desk.active, timeout=PATIENCE_MS)
    assert panel.sweep.finished
    assert [trial.step for trial in panel.sweep.trials] == [6, 6]
    assert {run.name for run in list_runs(tmp_path / "h.runs")} == {"rnn-1", "rnn-2"}
    assert len(panel.plot._weave.strands) == 2
    best = panel.sweep.best()
    QTest.mouseClick(panel.open, LEFT)
    assert session.history.run == best.run
    assert session.run_project.graph.blocks["rnn"].params["hidden"] == best.values["rnn.hidden"]


def test_closing_in_the_middle_stops_with_a_checkpoint_and_another_start_goes_on(
    qtbot, session, shown, tmp_path
) -> None:
    panel = shown(SweepPanel(session), 980, 420)
    panel.form.vary("rnn.hidden").values.set_value("4, 8")
    panel.form.amount.set_value(1e7)
    panel.start()
    qtbot.waitUntil(lambda: panel.desk.standing.step > 5, timeout=PATIENCE_MS)
    session.begin_close()
    qtbot.waitUntil(lambda: session.closed, timeout=PATIENCE_MS)
    assert (tmp_path / "h.runs" / "rnn-1" / "checkpoints" / "latest.json").exists()
    document = Document()
    document.open(tmp_path / "h.seq")
    again = Session(document, threads=True)
    other = shown(SweepPanel(again), 980, 420)
    assert [trial.state for trial in other.sweep.trials] == ["waiting", "waiting"]
    assert other.header.subtitle().startswith("sweep-1, 0 of 2 trials · stopped")
    assert other.toggle.accessibleName() == "Continue the sweep"
    again.begin_close()
    assert again.end_close()


def test_the_menu_brings_the_sweep_to_the_front_with_room_for_it(qtbot, session) -> None:
    window = MainWindow(session)
    window.resize(1440, 900)
    with qtbot.waitExposed(window):
        window.show()
    window.menus.act("run.sweep").trigger()
    assert window.page == "train"
    assert window.train.deck.shown() == "Sweep"
    qtbot.waitUntil(lambda: window.train.sweep.height() > window.train.curves.height())
    window.begin_close()
    qtbot.waitUntil(lambda: not window.isVisible(), timeout=PATIENCE_MS)
    window.deleteLater()
