"""Unrolled copies on the real canvas: U, the loop, the bracket, gradients, folding."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from seqstudio.blocks.declaration import DataFacts
from seqstudio.blocks.templates import make
from seqstudio.document.document import Document
from seqstudio.records.readings import GradientReading, LayerGradient
from seqstudio.studio.canvas import CanvasView
from seqstudio.studio.canvas.hands.context import context_menu
from seqstudio.studio.canvas.unrolled_copies import columns_of, name_of
from seqstudio.studio.panels.chain import arrow_of
from seqstudio.studio.theme import theme

FACTS = DataFacts("A text", "next token", "ids", 65, batch=32, window=128, unit="nats")
LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


@pytest.fixture
def document():
    return Document(make("char-lstm"))


@pytest.fixture
def view(qtbot, document):
    canvas = CanvasView(document)
    qtbot.addWidget(canvas)
    canvas.set_facts(FACTS)
    canvas.resize(1200, 900)
    canvas.show()
    canvas.setFocus()
    canvas.unroller.tell(None, adjustable=True)
    return canvas


def reading(norms: list[float], wall: float) -> GradientReading:
    values = np.array(norms)
    layer = LayerGradient("lstm", 0, "lstm", values, values, None, wall, None)
    return GradientReading(
        step=7, source="training step", tokens=("x",) * len(norms), window=len(norms),
        layers=(layer,), horizons=(), loss=None, rows=4, cost_s=0.01,
    )  # fmt: skip


def copies(view: CanvasView, key: str = "lstm"):
    return view.unroller.copies[key]


def send(view: CanvasView, kind: QEvent.Type, at: QPoint, held: Qt.MouseButton) -> None:
    place, screen = QPointF(at), QPointF(view.viewport().mapToGlobal(at))
    button = Qt.MouseButton.NoButton if kind == QEvent.Type.MouseMove else LEFT
    QApplication.sendEvent(view.viewport(), QMouseEvent(kind, place, screen, button, held, NONE))


def pull(view: CanvasView, scene_x: float) -> QPoint:
    """Press the handle and drag it by scene pixels; the button stays down."""
    start = view.mapFromScene(copies(view).handle().center())
    end = start + QPoint(round(scene_x * view.zoom()), 0)
    QTest.mousePress(view.viewport(), LEFT, NONE, start)
    send(view, QEvent.Type.MouseMove, end, LEFT)
    return end


def test_a_long_window_shows_its_start_and_its_end():
    assert columns_of(3) == (0, 1, 2)
    assert columns_of(128) == (0, None, 125, 126, 127)
    assert [name_of(step, 128) for step in (0, 125, 126, 127)] == ["1", "t−2", "t−1", "t"]
    assert [name_of(step, 2) for step in (0, 1)] == ["1", "t"]


def test_u_unrolls_and_folds_without_the_history(view, document):
    before = document.project
    QTest.keyClick(view, Qt.Key.Key_U)
    assert list(view.unroller.copies) == ["lstm"]
    shown = copies(view).shown
    assert (shown.title, shown.steps, shown.window, shown.adjustable) == ("LSTM", 128, 128, True)
    assert copies(view).area().top() > view.canvas.blocks["lstm"].frame.bottom()
    assert document.project is before
    assert not document.undo_label
    QTest.keyClick(view, Qt.Key.Key_U)
    assert not view.unroller.copies


def test_u_takes_the_selected_block_or_all(view, document):
    view.insert("gru", next(w for w in view.editor.graph.wires if w.source == "lstm"))
    view.select(("gru",))
    QTest.keyClick(view, Qt.Key.Key_U)
    assert list(view.unroller.copies) == ["gru"]
    view.select(())
    QTest.keyClick(view, Qt.Key.Key_U)
    assert set(view.unroller.copies) == {"lstm", "gru"}
    document.undo()
    assert set(view.unroller.copies) == {"lstm"}
    document.redo()
    assert set(view.unroller.copies) == {"lstm", "gru"}


def test_the_loop_and_the_menu_unroll_too(view):
    item = view.canvas.blocks["lstm"]
    at = view.mapFromScene(item.pos() + item.pill().center())
    QTest.mouseClick(view.viewport(), LEFT, NONE, at)
    assert view.unroller.is_open("lstm")
    menu = context_menu(view, view.mapFromScene(item.frame.center()))
    (fold,) = [action for action in menu.actions() if action.text().startswith("Fold")]
    fold.trigger()
    assert not view.unroller.is_open("lstm")
    menu = context_menu(view, view.mapFromScene(view.canvas.blocks["dropout"].frame.center()))
    assert not [action for action in menu.actions() if action.text().startswith("Unroll")]


def test_copies_follow_their_block_and_take_the_press(view, document):
    view.unroller.toggle("lstm")
    area = copies(view).area()
    document_before = document.project
    QTest.mouseClick(view.viewport(), LEFT, NONE, view.mapFromScene(area.center()))
    assert view.mouse.gesture is None
    assert document.project is document_before
    view.editor.move({"lstm": (600.0, 300.0)})
    moved = copies(view).area()
    assert moved.topLeft() != area.topLeft()
    middle = view.canvas.blocks["lstm"].frame.center().x()
    assert moved.center().x() == pytest.approx(middle)


def test_copies_follow_a_block_while_it_is_dragged(view):
    view.unroller.toggle("lstm")
    frame, area = view.canvas.blocks["lstm"].frame, copies(view).area()
    start = view.mapFromScene(QPointF(frame.center().x(), frame.top() + 14))
    QTest.mousePress(view.viewport(), LEFT, NONE, start)
    send(view, QEvent.Type.MouseMove, start + QPoint(0, -40), LEFT)
    send(view, QEvent.Type.MouseMove, start + QPoint(0, -80), LEFT)
    moved = view.canvas.blocks["lstm"].frame.top() - frame.top()
    assert moved < 0
    assert copies(view).area().top() - area.top() == pytest.approx(moved)
    QTest.mouseRelease(view.viewport(), LEFT, NONE, start + QPoint(0, -80))


def test_the_bracket_sets_the_window_in_one_step_of_the_history(view, document):
    view.unroller.toggle("lstm")
    end = pull(view, -110.0)
    assert copies(view).preview == pytest.approx(256, abs=4)
    assert "window 25" in copies(view).words()
    assert document.project.training.window == 128
    QTest.mouseRelease(view.viewport(), LEFT, NONE, end)
    assert document.project.training.window == pytest.approx(256, abs=4)
    assert copies(view).preview is None
    assert document.undo_label == "Change window"
    document.undo()
    assert document.project.training.window == 128


def test_the_window_stays_in_its_range_and_escape_leaves_it(view, document):
    view.unroller.toggle("lstm")
    pull(view, 5000.0)
    assert copies(view).preview == 4
    assert view.cancel_gesture()
    assert copies(view).preview is None
    assert document.project.training.window == 128
    end = pull(view, -5000.0)
    assert copies(view).preview == 4096
    QTest.mouseRelease(view.viewport(), LEFT, NONE, end)
    assert document.project.training.window == 4096


def test_a_drawn_sequence_has_no_bracket_to_drag(view):
    view.unroller.tell(None, adjustable=False)
    view.unroller.toggle("lstm")
    assert copies(view).handle().isEmpty()
    assert copies(view).words() == "the sequence begins here"


def test_gradients_have_the_widths_of_the_unrolled_panel(view):
    norms = list(np.logspace(-5, 0, 128))
    view.unroller.toggle("lstm")
    assert math.isnan(copies(view).shown.norm(3))
    view.unroller.tell(reading(norms, 1e-6), adjustable=True)
    shown = copies(view).shown
    assert shown.norm(-1) == 1e-6
    assert shown.norm(126) == norms[126]
    assert shown.chain.arrow(shown.row, 126) == arrow_of(norms[126], norms[-1])
    image = view.viewport().grab().toImage()
    red = theme().role("gradient").rgb()
    area = view.mapFromScene(copies(view).area()).boundingRect()
    ratio = image.devicePixelRatio()
    seen = sum(
        image.pixel(round(x * ratio), round(y * ratio)) == red
        for x in range(area.left(), area.right(), 2)
        for y in range(area.top(), area.bottom())
    )
    assert seen > 100
    view.unroller.tell(None, adjustable=True)
    assert not copies(view).shown.measured


def test_a_cell_that_a_person_drew_unrolls_too(qtbot):
    view = CanvasView(Document(make("char-mgu")))
    qtbot.addWidget(view)
    view.set_facts(FACTS)
    view.show()
    assert view.unroller.toggle_chosen()
    assert list(view.unroller.copies) == ["cell"]
    view.editor.go(("cell",))
    assert not view.unroller.copies
    view.editor.go(())
    assert list(view.unroller.copies) == ["cell"]


def test_a_view_that_fits_itself_shows_the_copies_too(view):
    view.resize(900, 420)
    view.fit()
    view.fits_itself = True
    view.unroller.toggle("lstm")
    assert view.canvas.content().contains(copies(view).area())
    assert view.seen().contains(copies(view).area())
    view.unroller.toggle("lstm")
    frame = view.canvas.blocks["lstm"].frame
    assert view.canvas.content().bottom() < frame.bottom() + 100
