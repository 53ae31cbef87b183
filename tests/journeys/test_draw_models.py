"""The named models, each drawn by hand with mouse and keys, then trained for twenty steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest

pytest.importorskip("PySide6", reason="drawing needs Qt")

import torch
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from seqstudio.data.facts import facts_of
from seqstudio.data.sources import open_dataset
from seqstudio.document.document import Document
from seqstudio.document.project import Project, load_project
from seqstudio.document.settings import DataSettings, TrainingSettings
from seqstudio.engine.trainer import Trainer
from seqstudio.records.messages import Start
from seqstudio.records.readings import Metrics
from seqstudio.studio.canvas import CanvasView
from seqstudio.studio.inspector import BlockPage, Inspector
from seqstudio.studio.widgets import CheckField, ComboField, SliderField

KEY, LEFT, NONE = Qt.Key, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
STEPS = 20
Draw = Callable[["Hand"], None]


class Hand:
    """A person with a mouse and a keyboard in front of canvas and inspector."""

    def __init__(self, qtbot, data: dict[str, object]) -> None:  # type: ignore[no-untyped-def]
        training = TrainingSettings.parse(
            {"batch": 8, "window": 24, "budget": "steps", "steps": STEPS, "carry": False,
             "threads": 1, "precision": "float32", "warmup": 0, "learning_rate": 5e-3}
        )  # fmt: skip
        project = Project(data=DataSettings.parse(data), training=training)
        self.document = Document(project)
        self.view = CanvasView(self.document)
        self.form = Inspector(self.document, self.view.editor)
        for widget in (self.view, self.form):
            qtbot.addWidget(widget)
        facts = facts_of(open_dataset(project.data), training)
        self.view.set_facts(facts)
        self.view.report_changed.connect(self.form.set_report)
        self.view.selection_changed.connect(self.form.set_selection)
        self.view.resize(1600, 900)
        self.form.resize(320, 900)
        self.view.show()
        self.form.show()
        self.view.setFocus()

    # Blocks

    def add(self, title: str, x: float, y: float) -> str:
        """Double click on empty canvas, type, Enter."""
        self._see(x, y)
        at = self.view.mapFromScene(QPointF(x + 80, y + 40))
        QTest.mouseDClick(self.view.viewport(), LEFT, NONE, at)
        menu = self.view.menu
        assert menu is not None, f"no menu at {at}"
        QTest.keyClicks(menu.search, title)
        entry = menu.current()
        assert entry is not None, title
        assert entry.title == title
        QTest.keyClick(menu.search, KEY.Key_Return)
        (key,) = self.view.selection
        return key

    def chain(self, *titles: str, y: float = 0.0, x: float = 0.0) -> list[str]:
        """Add blocks in a row and wire each to the one before it."""
        keys = [self.add(title, x + 240.0 * i, y) for i, title in enumerate(titles)]
        for one, other in pairwise(keys):
            self.wire(one, other)
        return keys

    def wire(self, source: str, target: str, into: str = "", out: str = "") -> None:
        """Drag from an output to an input."""
        blocks = self.view.canvas.blocks
        out = out or blocks[source].face.outputs[0].name
        into = into or blocks[target].face.inputs[0].name
        self._see()
        start = self._port(source, out, output=True)
        end = self._port(target, into, output=False)
        QTest.mousePress(self.view.viewport(), LEFT, NONE, start)
        for share in (0.3, 0.7, 1.0):
            at = start + (end - start) * share
            self._move(at)
        QTest.mouseRelease(self.view.viewport(), LEFT, NONE, end)
        wires = [(w.source, w.out, w.target, w.into) for w in self.view.editor.graph.wires]
        assert (source, out, target, into) in wires, (source, target, into)

    def _port(self, key: str, name: str, *, output: bool) -> QPoint:
        place = self.view.canvas.blocks[key].port_at(name, output)
        assert place is not None, (key, name)
        return self.view.mapFromScene(place)

    def _move(self, at: QPoint) -> None:
        screen = QPointF(self.view.viewport().mapToGlobal(at))
        event = QMouseEvent(
            QEvent.Type.MouseMove, QPointF(at), screen, Qt.MouseButton.NoButton, LEFT, NONE
        )
        QApplication.sendEvent(self.view.viewport(), event)

    def _see(self, x: float | None = None, y: float = 0.0) -> None:
        """Zoom until everything, and the place of a new block, is on the screen."""
        if not self.view.canvas.blocks:
            return
        QTest.keyClick(self.view, KEY.Key_Home)
        for _ in range(12):
            at = self.view.mapFromScene(QPointF(x or 0.0, y))
            if x is None or self.view.viewport().rect().adjusted(0, 0, -150, -120).contains(at):
                return
            QTest.keyClick(self.view, KEY.Key_Minus)

    def click(self, key: str) -> None:
        """Select a block by its header."""
        self._see()
        frame = self.view.canvas.blocks[key].frame
        at = self.view.mapFromScene(QPointF(frame.center().x(), frame.top() + 10))
        QTest.mouseClick(self.view.viewport(), LEFT, NONE, at)
        assert self.view.selection == (key,)

    def delete(self, key: str) -> None:
        """Select a block and press Delete."""
        self.click(key)
        QTest.keyClick(self.view, KEY.Key_Delete)
        assert key not in self.view.editor.graph.blocks

    def set(self, key: str, name: str, value: object) -> None:
        """Change a setting in the inspector."""
        self.click(key)
        page = self.form.page
        assert isinstance(page, BlockPage)
        field = page.form.field(name)
        if isinstance(field, CheckField):
            QTest.mouseClick(field, LEFT, NONE, QPoint(8, field.height() // 2))
        elif isinstance(field, ComboField):
            field.setFocus()
            wanted = [field.itemData(i) for i in range(field.count())].index(value)
            for _ in range(abs(wanted - field.currentIndex())):
                down = wanted > field.currentIndex()
                QTest.keyClick(field, KEY.Key_Down if down else KEY.Key_Up)
        else:
            number = field.number if isinstance(field, SliderField) else field
            number.setFocus()
            QTest.keySequence(number, "Ctrl+A")
            QTest.keyClicks(number, str(value))
            QTest.keyClick(number, KEY.Key_Return)
        assert self.view.editor.graph.blocks[key].params[name] == value
        self.view.setFocus()

    def enter(self, key: str) -> None:
        """Double click on a block."""
        self._see()
        frame = self.view.canvas.blocks[key].frame
        at = self.view.mapFromScene(QPointF(frame.center().x(), frame.top() + 10))
        QTest.mouseDClick(self.view.viewport(), LEFT, NONE, at)
        assert key not in self.view.canvas.blocks

    def leave(self) -> None:
        """Press Esc until the outermost graph is in view again."""
        while "next_token" not in self.view.canvas.blocks:
            QTest.keyClick(self.view, KEY.Key_Escape)

    def titled(self, title: str) -> str:
        """Return the block of that title in the graph in view."""
        found = [b.id for b in self.view.editor.graph if b.title == title]
        assert len(found) == 1, title
        return found[0]

    # Training

    def train(self, tmp_path) -> list[float]:  # type: ignore[no-untyped-def]
        """Save, load and train for twenty steps; return the losses."""
        assert self.view.report.errors == (), [p.sentence() for p in self.view.report.errors]
        path = tmp_path / "drawn.seq"
        self.document.save(path)
        project = load_project(path)
        assert project == self.document.project
        told: list[object] = []
        start = Start("run", path.read_text(encoding="utf-8"), "", "", "cpu", probes=False)
        trainer = Trainer.open(start, told.append)
        while trainer.step < STEPS:
            trainer.advance()
        trainer.flush()
        metrics = [event for event in told if isinstance(event, Metrics)]
        return [float(loss) for event in metrics for loss in event.loss]


def lstm_without_forget_gate(hand: Hand) -> None:
    _, _, lstm, _ = hand.chain("Tokens", "Embedding", "LSTM", "Next-token head")
    hand.set(lstm, "hidden", 32)
    hand.enter(lstm)
    forget, cell = hand.titled("forget gate f"), hand.titled("c")
    (kept,) = {w.target for w in hand.view.editor.graph.outof(forget)}
    (after,) = {w.target for w in hand.view.editor.graph.outof(kept)}
    (into,) = {w.into for w in hand.view.editor.graph.outof(kept)}
    hand.delete(kept)
    hand.wire(cell, after, into)
    hand.delete(forget)
    hand.leave()
    assert hand.view.editor.graph.blocks[lstm].kind == "cell"


def minimal_gated_unit(hand: Hand) -> None:
    _, _, cell, _ = hand.chain("Tokens", "Embedding", "Recurrent cell", "Next-token head")
    hand.enter(cell)
    graph = hand.view.editor.graph
    (out,) = [b.id for b in graph if b.kind == "outlet"]
    (x,) = [b.id for b in graph if b.kind == "inlet"]
    (h,) = [b.id for b in graph if b.kind == "state"]
    (candidate,) = [b.id for b in graph if b.kind == "gate"]
    forget = hand.add("Gate", 240, 300)
    hand.wire(x, forget, "in")
    hand.wire(h, forget, "state")
    kept = hand.add("Multiply", 480, 300)
    hand.wire(forget, kept, "in")
    hand.wire(h, kept, "other")
    hand.wire(kept, candidate, "state")
    minus = hand.add("Scale", 480, 460)
    hand.set(minus, "factor", -1.0)
    hand.wire(h, minus)
    change = hand.add("Add", 760, 160)
    hand.wire(candidate, change, "in")
    hand.wire(minus, change, "other")
    moved = hand.add("Multiply", 1000, 300)
    hand.wire(change, moved, "in")
    hand.wire(forget, moved, "other")
    after = hand.add("Add", 1240, 160)
    hand.wire(h, after, "in")
    hand.wire(moved, after, "other")
    hand.wire(after, out, "in")
    hand.wire(after, h, "next")
    hand.leave()


def residual_gru(hand: Hand) -> None:
    _, _, below, above, _ = hand.chain("Tokens", "Embedding", "GRU", "GRU", "Next-token head")
    for key in (below, above):
        hand.set(key, "hidden", 48)
    both = hand.add("Add", 720, 240)
    hand.wire(above, both, "in")
    hand.wire(below, both, "other")
    hand.wire(both, "next_token", "in")


def bidirectional_tagger(hand: Hand) -> None:
    _, _, lstm, _ = hand.chain("Tokens", "Embedding", "LSTM", "Class-per-step head")
    hand.set(lstm, "hidden", 48)
    hand.set(lstm, "bidirectional", True)


def seq2seq(hand: Hand) -> None:
    *_, encoder = hand.chain("Source tokens", "Embedding", "GRU", y=320)
    *_, decoder = hand.chain("Tokens", "Embedding", "GRU", y=0)
    for key in (encoder, decoder):
        hand.set(key, "hidden", 64)
    hand.wire(encoder, decoder, "start", "state")
    attend = hand.add("Additive attention", 780, 320)
    hand.wire(decoder, attend, "in")
    hand.wire(encoder, attend, "memory")
    both = hand.add("Concatenate", 1040, 0)
    hand.wire(decoder, both, "in")
    hand.wire(attend, both, "other")
    head = hand.add("Next-token head", 1280, 0)
    hand.wire(both, head)


def gpt(hand: Hand) -> None:
    _, _, block, *_ = hand.chain(
        "Tokens", "Embedding", "Transformer block", "Layer norm", "Next-token head"
    )
    hand.set(block, "layers", 2)


def bert(hand: Hand) -> None:
    hand.chain("Tokens", "Embedding", "Encoder stack", "Layer norm", "Class-per-step head")


def patch_transformer(hand: Hand) -> None:
    _, patches, *_ = hand.chain(
        "Picture", "Patches", "Linear", "Class token", "Encoder stack", "First step", "Class head"
    )
    hand.set(patches, "size", 6)


def captioner(hand: Hand) -> None:
    *_, places = hand.chain("Picture", "Convolution", "Convolution", "Places", y=320)
    for key in ("conv", "conv2"):
        hand.set(key, "stride", 2)
    *_, decoder = hand.chain("Tokens", "Embedding", "GRU", y=0)
    hand.set(decoder, "hidden", 64)
    attend = hand.add("Additive attention", 1000, 320)
    hand.wire(decoder, attend, "in")
    hand.wire(places, attend, "memory")
    both = hand.add("Concatenate", 1240, 0)
    hand.wire(decoder, both, "in")
    hand.wire(attend, both, "other")
    head = hand.add("Next-token head", 1480, 0)
    hand.wire(both, head)


@pytest.fixture(autouse=True)
def same_start() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize(
    ("draw", "data"),
    [
        (lstm_without_forget_gate, {}),
        (minimal_gated_unit, {}),
        (residual_gru, {}),
        (bidirectional_tagger, {"kind": "tagging", "length": 20}),
        (seq2seq, {"kind": "reverse", "length": 8}),
        (gpt, {}),
        (bert, {"kind": "masked"}),
        (patch_transformer, {"kind": "shapes"}),
        (captioner, {"kind": "captions"}),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_a_named_model_is_drawn_by_hand_and_learns(qtbot, tmp_path, draw, data) -> None:  # type: ignore[no-untyped-def]
    hand = Hand(qtbot, data)
    draw(hand)
    losses = hand.train(tmp_path)
    assert len(losses) == STEPS
    first, last = sum(losses[:5]) / 5, sum(losses[-5:]) / 5
    assert last < first
    drawn = hand.document.project
    while hand.document.undo():
        pass
    assert hand.document.project.graph == replace(drawn.graph, blocks={}, wires=(), bends={})
