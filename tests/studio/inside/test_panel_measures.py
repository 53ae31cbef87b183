"""The panel of measures: real answers of an untrained model, and hand-made ones."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QDialogButtonBox

from seqstudio.blocks.swapping import Swap
from seqstudio.document.document import Document
from seqstudio.records.inside.measuring import (
    ClassTable,
    Figure,
    Measures,
    SentenceTable,
    SeriesTable,
)
from seqstudio.records.looking import Looked
from seqstudio.studio.inside.measuring.panel import MeasuresPanel
from seqstudio.studio.panels.memories_dialog import MemoriesDialog
from seqstudio.studio.session import Session
from tests.small_runs import small_project

ACCURACY = Figure("accuracy", 0.8, "share", "", 0.5, "always the commonest class")
CONFUSION = np.array([[40, 8, 2], [1, 30, 3], [0, 6, 10]])


def classes() -> ClassTable:
    column = np.array([0.9, 0.7, 0.6])
    return ClassTable(
        ("cat", "dog", "hen"), CONFUSION, column, column, column,
        np.array([[0.55, 0.5, 20.0], [0.95, 0.9, 80.0]]),
        ("a small one", "another"), np.array([[0, 1], [2, 2]]), np.array([0.7, 0.9]),
    )  # fmt: skip


def sentences() -> SentenceTable:
    return SentenceTable(
        np.array([3, 5, 9]), np.array([100.0, 40.0, 10.0]), np.array([1.0, 0.0, 0.0]),
        ("un", "deux", "trois"), ("one", "two", ""), ("one", "too", "three"), 2048,
    )  # fmt: skip


@pytest.fixture
def session(qtbot, small_text):
    made = Session(Document(small_project("hello-rnn", small_text, 10)), threads=True)
    yield made
    made.begin_close()
    qtbot.waitUntil(lambda: made.closed, timeout=20_000)
    made.end_close()


@pytest.fixture
def panel(session, shown):
    made = MeasuresPanel(session)

    def show(reading: Measures) -> MeasuresPanel:
        made.pin(Looked(1, "here", reading, 60, "step 60", 0.5))
        made.refresh()
        return made

    shown(made)
    return show


def reading(**tables: object) -> Measures:
    loss = Figure("loss", 0.5, "number", "nats", 0.7, "how common a label is", rises=False)
    return Measures("class", 100, 1.0, (loss, ACCURACY), 0.69, **tables)  # type: ignore[arg-type]


def test_an_untrained_model_is_measured_beside_its_floor(qtbot, session, shown) -> None:
    panel = shown(MeasuresPanel(session))
    qtbot.waitUntil(lambda: panel.whole is not None, timeout=60_000)
    first = panel.figures.rows[0]
    assert first.cells[0] == "loss"
    assert "does not beat: no memory" in first.below
    assert not panel._below.isVisible()
    assert panel.numbers()["floor"][0] == pytest.approx(np.log(2) / 2, abs=1e-6)


def test_the_confusion_is_coloured_by_share_counted_and_listed(panel, qtbot) -> None:
    shown = panel(reading(classes=classes()))
    view = shown.confusion
    assert view.map.value(0, 0) == pytest.approx(0.8)
    told = view.map._told(0, 1)
    assert told == "true cat, told dog (wrong): 8, 16.0 % of the true class"
    assert view.head.text().startswith("cat, told as dog: 8")  # the largest confusion at first
    assert [row.cells[0] for row in view.examples.rows] == ["a small one"]
    frame = view.map.frame()
    cell = frame.row_rect(2).intersected(frame.column_rect(2)).center().toPoint()
    QTest.mouseClick(view.map, Qt.MouseButton.LeftButton, pos=cell)
    assert view.head.text().startswith("hen, told right: 10")
    assert [row.cells for row in view.examples.rows] == [("another", "0.90")]


def test_only_the_views_that_the_task_has_are_offered(panel) -> None:
    shown = panel(reading(sentences=sentences()))
    offered = [key for key, button in shown._mode._buttons.items() if not button.isHidden()]
    assert offered == ["length", "sentences"]
    assert shown._detail.currentWidget() is shown.length
    assert shown.length.curve("chrf").series.y.tolist() == [100.0, 40.0, 10.0]
    assert shown.sentences.rows[0].cells[0] == "(nothing)"
    assert "3 of 2,048" in shown.remark.text()
    levels = np.array([0.5, 0.8, 0.95])
    shown.whole = None
    again = panel(reading(series=SeriesTable(levels, levels, np.array([1.0]), ("value 1",))))
    assert again._detail.currentWidget() is again.coverage


def test_old_numbers_stand_until_all_new_ones_are_there(panel) -> None:
    shown = panel(reading(classes=classes()))
    part = Measures("class", 10, 0.1, (Figure("loss", 9.0),), 0.69)
    panel(part)
    assert shown.figures.rows[0].cells[1] == "0.500"
    assert shown.words(part) == "10 % measured"
    assert shown.numbers()["confusion"].sum() == 100


def test_the_dialog_trains_what_fits_and_says_why_the_rest_does_not(qtbot) -> None:
    swaps = [Swap("lstm", "lstm as drawn", 100), Swap("gru", "gru 8", 98),
             Swap("transformer", why="it has no state")]  # fmt: skip
    dialog = MemoriesDialog(swaps, seed=3)
    qtbot.addWidget(dialog)
    assert not dialog.checks["transformer"].isEnabled()
    assert dialog.checks["gru"].text() == "GRU, 8 units, 98 parameters"
    ok = dialog.buttons.button(QDialogButtonBox.StandardButton.Ok)
    with qtbot.waitSignal(dialog.wanted) as told:
        ok.click()
    (plan,) = told.args
    assert plan.axes[0].values == ("lstm as drawn", "gru 8")
    assert (plan.amount, plan.seed) == (500.0, 3)
