"""Peeks on the real canvas with a real trainer: hover, key, drawn maps, faults, stale answers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from seqstudio.blocks.templates import make
from seqstudio.document.document import Document
from seqstudio.document.edits import SetParam
from seqstudio.document.graph import Wire
from seqstudio.records.peek import Peeked, PeekFailed
from seqstudio.studio.canvas import CanvasView
from seqstudio.studio.canvas.peek import PeekCard, PeekDesk, axes_of, picture_of, quantity_of
from seqstudio.studio.session import Session
from seqstudio.studio.theme import theme

NO = Qt.KeyboardModifier.NoModifier
TOLD = Peeked(
    1, (), "rnn", "out", "step 1,250", ("B", "T", "C"), (32, 128, 64), "float32", 0.25, 0.5,
    -2.0, 1.0, 0.125, 0.0, "map", np.array([[-2.0, 0.0], [1.0, 2.0]], np.float32),
)  # fmt: skip


@pytest.fixture
def studio(qtbot):
    """A canvas with its session; the trainer runs in a thread of the test."""
    project = make("hello-rnn")
    endless = project.training.with_value("steps", 100_000_000)
    session = Session(Document(replace(project, training=endless)), threads=True)
    canvas = CanvasView(session.document)
    qtbot.addWidget(canvas)
    PeekDesk(canvas, session)
    session.facts_changed.connect(lambda: session.facts and canvas.set_facts(session.facts))
    canvas.resize(1000, 500)
    canvas.show()
    yield session, canvas
    session.begin_close()
    assert session.end_close(30)


@pytest.fixture
def view(studio, qtbot):
    session, canvas = studio
    qtbot.waitUntil(lambda: session.report is not None, timeout=20_000)
    canvas.fit()
    return canvas


def rest_on(view: CanvasView, wire: Wire) -> None:
    middle = view.canvas.wires[wire].route.path.pointAtPercent(0.5)
    for at in (view.mapFromScene(middle) + QPoint(0, 60), view.mapFromScene(middle)):
        screen = QPointF(view.viewport().mapToGlobal(at))
        none = Qt.MouseButton.NoButton
        move = QMouseEvent(QEvent.Type.MouseMove, QPointF(at), screen, none, none, NO)
        QApplication.sendEvent(view.viewport(), move)


def wire_from(view: CanvasView, block: str) -> Wire:
    return next(wire for wire in view.editor.graph.wires if wire.source == block)


def answered(view: CanvasView) -> bool:
    return view.mouse.peek.values is not None or view.mouse.peek.failure is not None


def test_resting_on_a_wire_tells_what_flows(view, qtbot):
    rest_on(view, wire_from(view, "rnn"))
    card = view.mouse.peek
    qtbot.waitUntil(card.isVisible)
    qtbot.waitUntil(lambda: answered(view), timeout=30_000)
    told = card.values
    assert told is not None
    assert (told.block, told.names, told.sizes) == ("rnn", ("B", "T", "C"), (1, 4, 3))
    words = card.words()
    assert words[0] == "B 1 · T 4 · C 3"
    assert "untrained weights, seed 0" in words
    assert any(word.startswith("spread 0.") for word in words)
    assert view.rect().contains(card.geometry())


def test_a_key_tells_the_selected_wire_or_block_and_closes_the_card(view, qtbot):
    view.setFocus()
    card = view.mouse.peek
    view.editor.select((), wire_from(view, "one_hot"))
    QTest.keyClick(view, Qt.Key.Key_V)
    qtbot.waitUntil(lambda: answered(view), timeout=30_000)
    assert card.values is not None
    assert card.values.block == "one_hot"
    QTest.keyClick(view, Qt.Key.Key_V)
    assert not card.isVisible()
    view.select(("tokens",))
    QTest.keyClick(view, Qt.Key.Key_V)
    qtbot.waitUntil(lambda: answered(view), timeout=30_000)
    assert card.values is not None
    assert "".join(card.values.tokens) == "hell"


def test_an_answer_about_an_older_graph_is_not_shown(view, studio, qtbot):
    session, _ = studio
    heard: list[object] = []
    session.peeked.connect(heard.append)
    first = session.peek(session.project.graph, (), "rnn", "out")
    session.document.apply(SetParam("rnn", "hidden", 5))
    second = session.peek(session.project.graph, (), "rnn", "out")
    qtbot.waitUntil(lambda: bool(heard), timeout=30_000)
    assert [answer.request for answer in heard] == [second]
    assert first < second
    assert heard[0].sizes[-1] == 5


def test_a_running_trainer_tells_its_step(view, studio, qtbot):
    session, _ = studio
    session.play()
    qtbot.waitUntil(lambda: len(session.history.curves) > 3, timeout=30_000)
    rest_on(view, wire_from(view, "rnn"))
    card = view.mouse.peek
    qtbot.waitUntil(lambda: card.values is not None, timeout=30_000)
    assert card.values.weights.startswith("step ")
    first = card.values.request
    qtbot.waitUntil(lambda: card.values.request > first, timeout=10_000)
    session.stop()
    qtbot.waitUntil(lambda: session.state in {"stopped", "finished"}, timeout=30_000)


def test_an_exception_of_the_model_stands_on_its_block(view, studio, monkeypatch, qtbot):
    from torch import nn

    def broken(*_args):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(nn.RNN, "forward", broken)
    session, _ = studio
    session.document.apply(SetParam("rnn", "hidden", 6))
    rest_on(view, wire_from(view, "rnn"))
    qtbot.waitUntil(lambda: view.mouse.peek.failure is not None, timeout=30_000)
    problem = view.report.errors[0]
    assert problem.block == "rnn"
    assert "mat1 and mat2" in problem.why
    assert view.canvas.blocks["rnn"].face.problem
    monkeypatch.undo()
    session.document.apply(SetParam("rnn", "hidden", 7))
    assert not view.report.errors


def painted(card: PeekCard) -> set[int]:
    image = card.grab().toImage()
    return {image.pixel(x, y) for x in range(image.width()) for y in range(image.height())}


def test_numbers_around_zero_have_it_in_the_middle_of_the_colours(qtbot, qapp):
    image, low, high = picture_of(TOLD)
    table = theme().lookup("signed")
    assert (low, high) == (-2.0, 2.0)
    assert quantity_of(TOLD) == "signed"
    colours = [image.pixelColor(x, y).getRgb()[:3] for y in range(2) for x in range(2)]
    wanted = [tuple(int(v) for v in table[i][:3]) for i in (0, 128, 191, 255)]
    assert colours == wanted


def test_a_gap_in_the_numbers_is_no_colour(qapp):
    holes = replace(TOLD, picture=np.array([[np.nan, 1.0]], np.float32), bad=0.5)
    image, _, _ = picture_of(holes)
    assert image.pixelColor(0, 0).alpha() == 0
    assert image.pixelColor(1, 0).alpha() == 255


@pytest.mark.parametrize(
    ("look", "low", "quantity", "axes"),
    [("matrix", 0.0, "attention", ("query", "key")),
     ("map", 0.0, "waterfall", ("feature", "time")), ("map", -1.0, "signed", ("feature", "time")),
     ("rows", -1.0, "signed", ("row", "feature"))],
)  # fmt: skip
def test_each_kind_of_number_has_its_colours_and_axes(look, low, quantity, axes):
    told = replace(TOLD, look=look, low=low, high=3.0)
    assert quantity_of(told) == quantity
    assert axes_of(told) == axes


def test_the_card_paints_maps_tokens_pictures_and_reasons(qtbot, qapp):
    from PySide6.QtWidgets import QWidget

    home = QWidget()
    qtbot.addWidget(home)
    home.resize(600, 500)
    home.show()
    card = PeekCard(home)
    card.tell(("B 32", "float32"), QPoint(590, 490))
    small = card.height()
    card.tell_values(TOLD)
    assert card.height() > small
    assert home.rect().contains(card.geometry())
    assert len(painted(card)) > 20
    tokens = replace(TOLD, look="tokens", tokens=tuple("hello\n world"), names=("B", "T"),
                     sizes=(1, 12), picture=np.empty((0, 0), np.float32))  # fmt: skip
    card.tell_values(tokens)
    assert card.words()[0] == "B 1 · T 12"
    colours = np.zeros((3, 4, 4), np.float32)
    colours[0] = 1.0
    image, _, _ = picture_of(replace(TOLD, look="picture", picture=colours))
    assert image.pixelColor(1, 1).getRgb() == (255, 0, 0, 255)
    card.tell_values(PeekFailed(1, (), "rnn", "RNN fails", "a reason", "a hint"))
    assert card.words()[-3:] == ("RNN fails", "a reason", "a hint")


def test_the_card_says_that_values_are_on_their_way(qtbot):
    canvas = QWidget()
    qtbot.addWidget(canvas)
    canvas.resize(600, 400)
    card = PeekCard(canvas)
    card.tell(("B 2", "float32"), QPoint(10, 10))
    assert "on its way" not in " ".join(card.words())
    card.wait()
    assert "on its way" in " ".join(card.words())
    card.tell_values(PeekFailed(1, (), "", "Nothing flows", "", ""))
    assert "on its way" not in " ".join(card.words())
