"""The unrolled graph: arrows against closed forms, and the real panel under pointer and keys."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from seqstudio.blocks.templates import make
from seqstudio.document.document import Document
from seqstudio.document.edits import SetGraph
from seqstudio.records.messages import StateChanged
from seqstudio.records.readings import GradientReading, LayerGradient, freeze
from seqstudio.runtime.history import RunHistory
from seqstudio.studio.panels.chain import (
    DECADES,
    Chain,
    Looked,
    arrow_of,
    chain_of,
    following,
    tokens_to_come,
)
from seqstudio.studio.panels.chain_places import loss_radius, places_of
from seqstudio.studio.panels.chain_view import ChainView
from seqstudio.studio.panels.explanation import InfoPopover
from seqstudio.studio.panels.unrolled import UnrolledPanel
from seqstudio.studio.theme import theme, themes
from seqstudio.studio.widgets import EquationView

LEFT = Qt.MouseButton.LeftButton
NO_KEY, SHIFT = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier


def layer(norms, *, number=0, wall=1e-3, block="lstm"):
    total = freeze(np.asarray(norms, float))
    return LayerGradient(block, number, "lstm", total, freeze(total / 2), None, wall, None)


def reading(*layers, loss=None, step=7, tokens=None):
    steps = len(layers[0].total_h)
    words = tuple(tokens or "the cat sat on the mat, and the dog sat on the log. " * 3)[:steps]
    told = None if loss is None else freeze(np.asarray(loss, float))
    return GradientReading(step, words, layers, (), 4, steps, "training step", 0.002, told)


def looking_at(session, found):
    """Put a history with exactly this reading in view."""
    session.history = RunHistory("lstm-7")
    session.history.extend([found, StateChanged("finished", found.step + 3)])
    session.run_project, session.state = session.project, "finished"
    return session


def with_layers(session, layers):
    """Give the model of a session more recurrent layers, and look at a reading of all of them."""
    graph = session.project.graph
    block = graph.blocks["lstm"]
    session.document.reset(
        session.project.with_graph(graph.with_block(block.with_param("layers", layers)))
    )
    found = reading(*(layer(np.full(32, 0.1 + n), number=n) for n in range(layers)))
    return looking_at(session, found)


def point(view, place):
    """Move a real pointer over the view."""
    QTest.mouseMove(view, QPointF(place).toPoint())


def wheel(view, notches):
    middle = QPointF(view.rect().center())
    event = QWheelEvent(
        middle, view.mapToGlobal(middle), QPoint(), QPoint(0, int(120 * notches)),
        Qt.MouseButton.NoButton, NO_KEY, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(view, event)


def leave(view):
    QApplication.sendEvent(view, QEvent(QEvent.Type.Leave))


def middle(view, column, row=0):
    return view.places().cell(column, row).center().toPoint()


def red_width(view, column, row=0):
    """Return how many pixels of gradient red stand above each other between two columns."""
    places, image = view.places(), view.grab().toImage()
    x = round((places.cell(column, row).right() + places.cell(column + 1, row).left()) / 2) + 5
    top, bottom = round(places.cells[row]) - 1, round(places.cells[row]) + 16
    red = theme().role("gradient")
    return sum(_share(image.pixelColor(x, y), red) for y in range(top, bottom))


def _share(colour, wanted):
    """Return how much of `wanted` a pixel has, over the well: antialiased edges count in part."""
    well = theme().color("surface0")
    span = wanted.red() - well.red()
    return min(1.0, max(0.0, (colour.red() - well.red()) / span)) if span else 0.0


@pytest.fixture
def panel_of(viewing, shown):
    def build(found, template="char-lstm", width=900, height=260):
        session = looking_at(viewing(template), found)
        return shown(UnrolledPanel(session), width, height)

    return build


# ------------------------------------------------------------------------------- closed forms


def test_width_is_linear_in_the_logarithm_over_six_decades():
    assert arrow_of(2.0, 2.0).width == pytest.approx(6)
    assert arrow_of(2e-3, 2.0).width == pytest.approx(3.5)
    assert arrow_of(2e-6, 2.0).width == pytest.approx(1)
    widths = [arrow_of(10.0**-each, 1.0).width for each in np.linspace(0, DECADES, 25)]
    np.testing.assert_allclose(np.diff(widths), np.diff(widths)[0])
    assert not any(arrow_of(10.0**-each, 1.0).dashed for each in range(6))


def test_below_the_range_is_dashed_and_zero_is_nothing():
    below = arrow_of(0.9e-6, 1.0)
    assert below.dashed
    assert below.width == 1
    assert arrow_of(0.0, 1.0) is None
    assert arrow_of(float("nan"), 1.0) is None
    assert arrow_of(float("inf"), 1.0).width == 6


def test_radius_of_a_loss_grows_with_its_nats_up_to_a_limit():
    assert loss_radius(0.0) == 2.5
    assert loss_radius(1.5) == pytest.approx(2.5 + 2.4 * 1.5)
    assert loss_radius(100.0) == loss_radius(50.0) == 14


def test_largest_leaves_out_what_is_not_finite():
    chain = Chain(tokens=("a", "b", "c"), rows=_rows_of([0.5, np.inf, 0.25]), link="state")
    assert chain.largest == 0.5
    assert chain.arrow(0, 1).width == 6


def _rows_of(*norms):
    from seqstudio.studio.panels.chain import CellRow

    return tuple(CellRow("lstm", n, layer(each, number=n)) for n, each in enumerate(norms))


# ------------------------------------------------------------------------------------ content


def test_chain_of_a_real_run_holds_what_was_measured(viewing):
    session = viewing("char-lstm")
    found = session.history.gradients.newest()
    chain = chain_of(session.run_project, session.dataset, found, None, Looked())
    assert chain.tokens == found.tokens
    assert chain.targets[:-1] == found.tokens[1:]
    np.testing.assert_array_equal(chain.loss, found.loss)
    assert len(chain.loss) == chain.steps == chain.window == 32
    assert chain.rows[0].norm(5) == found.layers[0].total_h[5]
    assert chain.rows[0].norm(-1) == found.layers[0].wall_h
    assert chain.largest == found.layers[0].total_h.max()
    assert chain.carried
    assert chain.adjustable


def test_a_cell_that_is_not_wired_yet_is_drawn_all_the_same(viewing, shown):
    session = viewing("char-lstm", run=False)
    graph = session.project.graph
    session.document.apply(SetGraph(replace(graph, wires=()), "Take all wires"))
    panel = shown(UnrolledPanel(session), 900, 260)
    panel.grab()
    assert [row.block for row in panel.view.chain.rows] == [
        block.id for block in graph if block.kind == "lstm"
    ]


def test_state_that_is_not_carried_leaves_no_columns_before_the_window(viewing):
    session = viewing("char-lstm")
    found = session.history.gradients.newest()
    project = replace(session.project, training=replace(session.project.training, carry=False))
    chain = chain_of(project, session.dataset, found, None, Looked())
    assert not chain.carried
    assert chain.start == 0


def test_hello_knows_every_symbol_that_should_follow(viewing):
    session = viewing("hello-rnn")
    found = session.history.gradients.newest()
    chain = chain_of(session.run_project, session.dataset, found, None, Looked())
    assert (chain.tokens, chain.targets) == (tuple("hell"), tuple("ello"))
    assert not chain.adjustable


def test_symbol_after_a_window_is_told_only_without_doubt(viewing):
    dataset = viewing("char-lstm", run=False).dataset
    assert following(tuple("the cat sat on the ma"), dataset) == "t"
    assert following(tuple("the "), dataset) == ""  # cat, mat, dog and log
    assert following(tuple("zebra"), dataset) == ""
    assert following((), None) == ""


def test_before_a_run_the_held_out_text_is_laid_out_without_numbers(viewing):
    session = viewing("char-lstm", run=False)
    tokens = tokens_to_come(session.dataset, 32)
    chain = chain_of(session.project, session.dataset, None, None, Looked())
    valid = session.dataset.vocabulary.decode(session.dataset.valid[:32])
    assert "".join(chain.tokens) == "".join(tokens) == valid
    assert chain.loss is None
    assert not chain.measured
    assert np.isnan(chain.largest)
    assert np.isnan(chain.rows[0].norm(3))


def test_one_answer_a_sequence_stands_in_the_last_column_alone(viewing):
    session = viewing("adding-lstm")
    found = session.history.gradients.newest()
    chain = chain_of(session.run_project, session.dataset, found, None, Looked())
    assert [t for t in range(chain.steps) if chain.has_output(t)] == [chain.steps - 1]
    assert chain.loss is None
    assert set(chain.tokens) == {""}
    assert chain.measured


def test_attention_names_the_strongest_keys_of_the_head_looked_at(viewing):
    session = viewing("char-gpt")
    found = session.history.attention.newest()
    looked = Looked(found.layers[0].block, 0, 1)
    chain = chain_of(session.run_project, session.dataset, None, found, looked)
    weights = found.layers[0].weights[1]
    assert chain.link == "attention"
    assert chain.head == 1
    strongest = chain.strongest(9)
    assert [weight for _, weight in strongest] == sorted(weights[9], reverse=True)[:3]
    assert all(key <= 9 and weights[9, key] == np.float32(weight) for key, weight in strongest)
    assert len(chain.strongest(1)) == 2  # the second query sees itself and the first


# ----------------------------------------------------------------------------------- geometry


def test_columns_are_wide_enough_and_fill_the_well(panel_of):
    view = panel_of(reading(layer(np.full(60, 0.1)))).view
    places = view.places()
    assert places.pitch >= 56
    assert places.count * places.pitch == pytest.approx(places.area.width())
    assert places.loss < places.output < places.cells[0] < places.input
    assert places.input + places.radius < places.area.bottom()
    assert view.in_view == (1, places.count - 2)  # two columns of the window before


@pytest.mark.parametrize("height", [160, 260, 300])
def test_parts_of_a_column_never_overlap(viewing, shown, height):
    session = with_layers(viewing("char-lstm"), 2)
    places = shown(UnrolledPanel(session), 900, height).view.places()
    ends = [places.loss + 2.5, places.output - places.radius, places.output + places.radius]
    for row in reversed(range(len(places.cells))):
        box = places.cell(3, row)
        ends += [box.top(), box.bottom()]
    ends += [places.input - places.radius, places.input + places.radius]
    assert ends == sorted(ends)


def test_three_layers_stand_above_each_other_where_there_is_room(viewing, shown):
    session = with_layers(viewing("char-lstm"), 3)
    panel = shown(UnrolledPanel(session), 900, 300)
    assert len(panel.view.places().cells) == 3
    assert "layers 1 to 3" in panel.header.subtitle()
    low = shown(UnrolledPanel(session), 900, 170)
    assert [row.layer for row in low.view.chain.rows] == [2]
    assert "layer 3" in low.header.subtitle()


def test_of_four_layers_the_chosen_one_is_shown(viewing, shown):
    session = with_layers(viewing("char-lstm"), 4)
    panel = shown(UnrolledPanel(session), 900, 400)
    assert [row.layer for row in panel.view.chain.rows] == [3]
    panel._layers.set_value(("lstm", 1))
    panel._layers.committed.emit(("lstm", 1))
    assert [row.layer for row in panel.view.chain.rows] == [1]
    assert (session.cursor.block, session.cursor.layer) == ("lstm", 1)


def test_a_short_sequence_is_not_stretched():
    places = places_of(_well(1200, 220), _short_chain(4), 0, 80, 1.0)
    assert (places.first, places.count) == (0, 4)
    assert places.pitch <= 92


def _well(width, height):
    from PySide6.QtCore import QRectF

    return QRectF(0, 0, width, height)


def _short_chain(steps):
    return Chain(tokens=("a",) * steps, targets=("b",) * steps, rows=_rows_of([1.0] * steps),
                 link="state")  # fmt: skip


# ----------------------------------------------------------------------------- what is painted


@pytest.mark.parametrize("mode", ["dark", "light"])
def test_painted_arrows_widen_with_the_norm_and_zero_draws_nothing(panel_of, mode):
    norms = [0.0, 1e-6, 1e-4, 1e-2, 1.0, *np.full(27, 1.0)]
    themes().set_mode(mode)
    view = panel_of(reading(layer(norms))).view
    view.scroll_to(0)
    widths = [red_width(view, column) for column in range(5)]
    assert widths[0] == pytest.approx(0, abs=0.05)
    assert widths[1:] == sorted(widths[1:])
    for column, norm in enumerate(norms[1:5], 1):
        assert widths[column] == pytest.approx(arrow_of(norm, 1.0).width, abs=0.8)


def test_nothing_red_flows_before_the_first_reading(viewing, shown):
    session = viewing("char-lstm", run=False)
    panel = shown(UnrolledPanel(session), 900, 260)
    assert all(red_width(panel.view, column) < 0.05 for column in range(1, 6))
    assert panel.view._look.note == "Press Train: the gradient appears in red"
    assert not panel._play.isEnabled()
    assert "held-out text" in panel.header.subtitle()


def test_what_is_cut_off_ends_in_dots_only_where_the_state_is_carried(viewing, shown):
    session = looking_at(viewing("char-lstm"), reading(layer(np.full(32, 0.1))))
    panel = shown(UnrolledPanel(session), 900, 260)
    assert _dots(panel.view) > 1
    session.history.extend([reading(layer(np.full(32, 0.1), wall=0.0), step=8)])
    panel.refresh()
    assert _dots(panel.view) < 0.1
    training = replace(session.project.training, carry=False)
    session.run_project = replace(session.project, training=training)
    panel.refresh()
    assert panel.view.places().first == 0


def _dots(view):
    """Return how much red there is between the first cell and the wall."""
    places, image = view.places(), view.grab().toImage()
    y, red = round(places.cells[0] + 7), theme().role("gradient")
    span = range(round(places.wall) + 4, round(places.cell(0, 0).left()) - 2)
    return sum(_share(image.pixelColor(x, y), red) for x in span)


def test_pointing_at_a_cell_lights_every_copy(panel_of):
    view = panel_of(reading(layer(np.full(32, 0.1)))).view
    view.scroll_to(0)
    spots = [view.places().cell(column, 0).topLeft() + QPointF(8, 5) for column in range(1, 8)]
    before = [view.grab().toImage().pixelColor(spot.toPoint()) for spot in spots]
    point(view, middle(view, 8))
    after = [view.grab().toImage().pixelColor(spot.toPoint()) for spot in spots[:4]]
    assert all(new.green() > old.green() + 20 for new, old in zip(after, before, strict=False))


def test_read_out_tells_the_measured_numbers(panel_of):
    norms = np.geomspace(1e-3, 1.0, 32)
    found = reading(layer(norms, wall=4.5e-4), loss=np.linspace(0.5, 2.0, 32))
    view = panel_of(found).view
    told = view.read_out(31)
    assert told.title == "t 32  reads “␣”, “d” should follow"
    rows = {name: value for _, name, value in told.rows}
    assert rows == {"loss, nats": "2.000", "dL/dh": "1", "direct part": "0.5"}
    assert [value for _, _, value in view.read_out(-1).rows] == ["4.5e-4"]


# -------------------------------------------------------------------------------- what one does


def test_pointing_moves_the_cursor_until_the_pointer_leaves(panel_of):
    panel = panel_of(reading(layer(np.full(60, 0.1))))
    session, view = panel.session, panel.view
    point(view, middle(view, 4))
    assert session.cursor.t == 4
    leave(view)
    assert session.cursor.t == 0


def test_a_click_keeps_the_cursor(panel_of):
    panel = panel_of(reading(layer(np.full(60, 0.1))))
    session, view = panel.session, panel.view
    QTest.mouseClick(view, LEFT, NO_KEY, middle(view, 4))
    leave(view)
    assert session.cursor.t == 4
    assert not session.document.modified


def test_the_cursor_stays_in_view(panel_of):
    panel = panel_of(reading(layer(np.full(60, 0.1))))
    for t in (59, 30, 0):
        panel.session.move_cursor(t=t)
        first, last = panel.view.in_view
        assert first <= t + 1 <= last
    assert panel.view.places().first == -2


def test_wheel_drag_and_keys_scroll_and_the_subtitle_says_where(panel_of):
    panel = panel_of(reading(layer(np.full(60, 0.1))))
    view, count = panel.view, panel.view.places().count
    assert f"layer 1, steps 1 to {count - 2} of 60" in panel.header.subtitle()
    wheel(view, -1)
    assert view.places().first == 1
    assert f"steps 2 to {count + 1} of 60" in panel.header.subtitle()
    start = middle(view, 6)
    QTest.mousePress(view, LEFT, NO_KEY, start)
    moved = start - QPoint(round(2 * view.places().pitch), 0)
    QTest.mouseMove(view, moved)
    QTest.mouseRelease(view, LEFT, NO_KEY, moved)
    assert view.places().first == 3
    QTest.keyClick(view, Qt.Key.Key_End)
    assert view.in_view[1] == 60
    QTest.keyClick(view, Qt.Key.Key_PageUp)
    assert view.in_view[1] == 60 - count
    QTest.keyClick(view, Qt.Key.Key_Home)
    assert view.places().first == -2


def test_arrow_keys_move_the_cursor_and_the_view_with_it(panel_of):
    panel = panel_of(reading(layer(np.full(60, 0.1))))
    for _ in range(25):
        QTest.keyClick(panel.view, Qt.Key.Key_Right)
    assert panel.session.cursor.t == 25
    assert panel.view.in_view[0] <= 26 <= panel.view.in_view[1]
    QTest.keyClick(panel.view, Qt.Key.Key_Left)
    assert panel.session.cursor.t == 24


def drag_handle(view, columns, modifiers=NO_KEY, *, release=True):
    start = view.places().handle().center().toPoint()
    pitch = view.places().pitch
    QTest.mousePress(view, LEFT, modifiers, start)
    for share in (0.3, 0.7, 1.0):
        place = QPointF(start.x() + columns * pitch * share, start.y())
        QTest.mouseMove(view, place.toPoint())
    if release:
        end = QPointF(start.x() + columns * pitch, start.y()).toPoint()
        QTest.mouseRelease(view, LEFT, modifiers, end)


def test_dragging_the_handle_is_one_step_to_undo(panel_of):
    panel = panel_of(reading(layer(np.full(32, 0.1))))
    document = panel.session.document
    before = document.project.training.window
    drag_handle(panel.view, 3)
    assert document.project.training.window == before - 3
    assert document.undo_label == "Change window"
    assert panel.session.cursor.t == 0
    assert document.undo()
    assert document.project.training.window == before
    assert not document.undo_label


def test_with_shift_a_column_is_ten_steps(panel_of):
    panel = panel_of(reading(layer(np.full(32, 0.1))))
    drag_handle(panel.view, -2, SHIFT)
    assert panel.session.project.training.window == 32 + 20


def test_a_window_stays_in_its_range(panel_of):
    panel = panel_of(reading(layer(np.full(32, 0.1))))
    drag_handle(panel.view, 9, SHIFT)
    assert panel.session.project.training.window == 4


def test_escape_gives_a_drag_up(panel_of):
    panel = panel_of(reading(layer(np.full(32, 0.1))))
    drag_handle(panel.view, 3, release=False)
    QTest.keyClick(panel.view, Qt.Key.Key_Escape)
    QTest.mouseRelease(panel.view, LEFT, NO_KEY, middle(panel.view, 4))
    assert panel.session.project.training.window == 32
    assert not panel.session.document.undo_label


def test_keys_move_the_window_in_one_step_to_undo(panel_of):
    panel = panel_of(reading(layer(np.full(32, 0.1))))
    alt = Qt.KeyboardModifier.AltModifier
    for _ in range(3):
        QTest.keyClick(panel.view, Qt.Key.Key_Left, alt)
    QTest.keyClick(panel.view, Qt.Key.Key_Right, alt | SHIFT)
    assert panel.session.project.training.window == 32 + 3 - 10
    assert panel.session.document.undo()
    assert panel.session.project.training.window == 32


def test_a_changed_window_is_told_beside_the_one_that_was_measured(panel_of):
    panel = panel_of(reading(layer(np.full(32, 0.1))))
    assert panel.view._caption() == "gradient stops here, window 32"
    drag_handle(panel.view, 2)
    assert panel.view._caption() == "gradient stops here, window 32; next run 30"
    assert panel.view.chain.window == 32


def test_generated_sequences_have_no_window_to_drag(viewing, shown):
    panel = shown(UnrolledPanel(viewing("adding-lstm")), 900, 260)
    window = panel.session.project.training.window
    drag_handle(panel.view, 2)
    QTest.keyClick(panel.view, Qt.Key.Key_Left, Qt.KeyboardModifier.AltModifier)
    assert panel.session.project.training.window == window
    assert panel.view._caption() == "the sequence begins here, 100 steps"


# ------------------------------------------------------------------------------------- states


def test_transformer_shows_attention_instead_of_a_gradient(viewing, shown):
    session = viewing("char-gpt")
    panel = shown(UnrolledPanel(session), 900, 260)
    assert panel.view.chain.attention is not None
    assert "attention, layer 1, head 1, steps 1 to" in panel.header.subtitle()
    assert not panel._play.isVisible()
    session.move_cursor(head=1, t=6)
    panel.refresh()
    assert "head 2" in panel.header.subtitle()
    weights = session.history.attention.newest().layers[0].weights[1]
    told = panel.view.read_out(6).rows
    assert told[0][2] == f"{weights[6].max():.3f}"


def test_transformer_before_its_first_run_says_what_will_come(viewing, shown):
    panel = shown(UnrolledPanel(viewing("char-gpt", run=False)), 900, 260)
    assert panel.view.chain.attention is None
    assert panel.view._look.note.startswith("Press Train: lines appear")
    assert panel.view.read_out(3).rows == ()


def test_a_model_without_memory_says_what_it_needs(viewing, shown, small_text):
    session = viewing("char-lstm", run=False)
    project = make("char-lstm", str(small_text))
    graph = project.graph.without_blocks(["lstm"])
    session.document.apply(_Becoming(session.project.with_graph(graph)))
    panel = shown(UnrolledPanel(session), 900, 260)
    assert panel.view.chain.link == "none"
    assert "add an RNN, GRU, LSTM or attention block" in panel.view._look.note


class _Becoming:
    label = "Take the LSTM out"

    def __init__(self, project):
        self.project = project

    def apply(self, _project):
        return self.project


def test_while_data_load_the_panel_says_so(qtbot, shown, small_text):
    from seqstudio.studio.session import Session

    session = Session(Document(make("char-lstm", str(small_text))), threads=True)
    session.dataset = None
    panel = shown(UnrolledPanel(session), 900, 260)
    assert panel.is_empty
    qtbot.waitUntil(lambda: not panel.is_empty)
    assert panel.view.chain.steps == 128
    session.begin_close()
    assert session.end_close()


def test_going_back_in_training_shows_the_reading_of_then(viewing, shown):
    session = looking_at(viewing("char-lstm"), reading(layer(np.full(32, 0.5)), step=7))
    later = reading(layer(np.full(32, 0.25)), step=20)
    session.history.extend([later, StateChanged("finished", 25)])
    panel = shown(UnrolledPanel(session), 900, 260)
    assert panel.view.chain.largest == 0.25
    session.move_cursor(step=10)
    assert panel.view.chain.largest == 0.5
    panel.refresh()
    assert "training step 7" in panel.header.subtitle()


# -------------------------------------------------------------------------------------- pulse


def test_a_pulse_stops_at_once_and_leaves_the_picture_as_it_was(panel_of, qtbot):
    panel = panel_of(reading(layer(np.geomspace(1e-5, 1, 32))))
    leave(panel.view)
    before = panel.view.grab().toImage()
    panel._play.click()
    assert panel.view.pulse_runs
    qtbot.waitUntil(lambda: panel.view._look.pulse > 0.5)
    assert panel.view.grab().toImage() != before
    panel._play.click()
    assert not panel.view.pulse_runs
    assert panel.view.grab().toImage() == before


def test_the_gradient_appears_only_on_the_way_back(panel_of):
    panel = panel_of(reading(layer(np.full(32, 1.0))))
    view = panel.view
    view.scroll_to(0)
    count = view.places().count
    view._set_pulse(count - 0.5)
    assert red_width(view, 1) < 0.05
    view._set_pulse(count + 4.0)
    assert red_width(view, 1) < 0.05
    assert red_width(view, count - 3) > 4
    view._set_pulse(2.0 * count)
    assert red_width(view, 1) > 4


def test_reduced_motion_steps_by_hand(panel_of):
    panel = panel_of(reading(layer(np.full(32, 1.0))))
    themes().set_reduced_motion(True)
    try:
        for done in range(3):
            panel._play.click()
            assert panel.view._look.pulse == done
        QTest.keyClick(panel.view, Qt.Key.Key_Escape)
        assert not panel.view.pulse_runs
    finally:
        themes().set_reduced_motion(False)


def test_a_pulse_ends_when_the_view_is_hidden_or_scrolled(panel_of):
    panel = panel_of(reading(layer(np.full(60, 1.0))))
    panel._play.click()
    wheel(panel.view, -1)
    assert not panel.view.pulse_runs
    panel._play.click()
    panel.hide()
    assert not panel.view.pulse_runs


# ----------------------------------------------------------------------- picture, explanation


def test_pictures_of_a_panel_that_is_not_shown_have_both_themes(viewing):
    panel = UnrolledPanel(viewing("char-lstm"))
    images = {}
    for mode in ("dark", "light"):
        themes().set_mode(mode)
        images[mode] = panel.to_image(900, 260)
        well = QColor(theme().color("surface0"))
        assert images[mode].size().toTuple() == (900, 260)
        assert images[mode].pixelColor(895, 250) == well
        red = theme().role("gradient")
        row = [images[mode].pixelColor(x, 16) for x in range(500, 900)]
        assert red in row  # the legend stands in the head
    assert images["dark"] != images["light"]


def test_explanation_typesets_its_formulas_and_tells_the_measurement(viewing, shown):
    panel = shown(UnrolledPanel(viewing("char-lstm")), 900, 260)
    popover = InfoPopover(panel.title, panel.explanation, panel.measured(), panel)
    assert popover.findChildren(EquationView)
    told = dict(panel.measured())
    wall = panel.session.history.gradients.newest().layers[0].wall_h
    assert float(told["Cut off, dL/dh₀"].replace("−", "-")) == pytest.approx(wall, rel=0.05)
    popover.deleteLater()


def test_an_empty_view_paints_and_scrolls_without_columns(shown):
    view = shown(ChainView(), 600, 200)
    wheel(view, 2)
    QTest.keyClick(view, Qt.Key.Key_End)
    assert view.grab().toImage().pixelColor(300, 100) == theme().color("surface0")
