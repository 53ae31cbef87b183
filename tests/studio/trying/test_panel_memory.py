"""Memory tasks in real widgets: symbols typed, marks dragged, the dial, runs that are missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt

from seqstudio.blocks.memories import MEMORIES
from seqstudio.blocks.templates import make
from seqstudio.core.errors import RunError
from seqstudio.document.document import Document
from seqstudio.document.project import Project, save_project
from seqstudio.records.inside.trying.adding import Added
from seqstudio.records.inside.trying.distance import Distances
from seqstudio.records.inside.trying.symbols import SymbolsRead
from seqstudio.studio.session import Session
from seqstudio.studio.trying import distance_queue
from seqstudio.studio.trying.adding import AddingPanel
from seqstudio.studio.trying.distance import DistancePanel, reach_words
from seqstudio.studio.trying.panel import TryPanel
from seqstudio.studio.trying.symbols import SymbolsPanel

LONG = 120_000
Opening = Callable[..., TryPanel]


def tiny(template: str, length: int) -> Project:
    """Return a template with few units that trains for two steps."""
    plain = make(template)
    blocks = {
        block.id: replace(block, params={**block.params, "hidden": 4})
        if "hidden" in block.params
        else block
        for block in plain.graph
    }
    training = replace(
        plain.training, budget="steps", steps=2, batch=4, threads=1, precision="float32", warmup=0
    )
    data = plain.data.with_value("length", length)
    graph = replace(plain.graph, blocks={**plain.graph.blocks, **blocks})
    return replace(plain, graph=graph, training=training, data=data)


@pytest.fixture
def opening(qtbot, shown, tmp_path: Path) -> Iterator[Opening]:  # type: ignore[no-untyped-def]
    made: list[Session] = []

    def build(template: str, kind: type[TryPanel], length: int, saved: bool = False) -> TryPanel:
        document = Document(tiny(template, length))
        if saved:
            document.path = tmp_path / "a.seq"
            save_project(document.project, document.path)
        session = Session(document, threads=True)
        made.append(session)
        panel = shown(kind(session), 560, 720)
        answered(qtbot, panel)
        return panel

    yield build
    for session in made:
        session.begin_close()
        qtbot.waitUntil(lambda: session.closed, timeout=LONG)  # noqa: B023
        session.end_close()


def answered(qtbot, panel: TryPanel) -> None:  # type: ignore[no-untyped-def]
    qtbot.waitUntil(lambda: panel.looked is not None and panel.looked.done, timeout=LONG)
    panel.refresh()


def test_brackets_are_typed_by_key_and_by_hand(qtbot, opening: Opening) -> None:
    panel = opening("brackets-lstm", SymbolsPanel, 12)
    assert isinstance(panel, SymbolsPanel)
    assert list(panel.keys) == list("([{)]}")
    panel.field.set_value("([")
    panel.field.committed.emit("([")
    qtbot.mouseClick(panel.keys["]"], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: panel.reading.tokens == ("(", "[", "]"), timeout=LONG)
    panel.refresh()
    reading = panel.reading
    assert isinstance(reading, SymbolsRead)
    assert panel.field.value() == "([]"
    assert panel.session.cursor.t == 2
    assert panel.plot.curve("memory").series.y.tolist() == [1, 2, 1]
    assert reading.unit == panel.plot.curve("unit").label
    shown = dict(panel.bars.choices)
    assert shown["round ✓"] == pytest.approx(reading.p[2, 1])
    assert "of 3 right" in panel.words(reading)
    qtbot.mouseClick(panel.keys["}"], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(panel.reading.tokens) == 4, timeout=LONG)
    panel.refresh()
    assert "Bracket 4 closes nothing" in panel.remark.text()


def test_a_mark_is_dragged_and_the_sum_follows(qtbot, opening: Opening) -> None:
    panel = opening("adding-lstm", AddingPanel, 20)
    assert isinstance(panel, AddingPanel)
    view, before = panel.row, list(panel.row.marks)
    assert before[0] < 10 <= before[1]
    start = view.place(before[0]).toPoint()
    free = next(step for step in (2, 5, 8) if step not in before)
    end = QPoint(view.place(free).toPoint().x(), start.y())
    qtbot.mousePress(view, Qt.MouseButton.LeftButton, pos=start)
    qtbot.mouseMove(view, (start + end) / 2)
    qtbot.mouseMove(view, end)
    qtbot.mouseRelease(view, Qt.MouseButton.LeftButton, pos=end)
    assert view.marks == [free, before[1]]
    wanted = view.values[free] + view.values[before[1]]
    qtbot.waitUntil(lambda: abs(panel.reading.right - wanted) < 1e-9, timeout=LONG)
    panel.refresh()
    assert isinstance(panel.reading, Added)
    curve = panel.plot.curve("answer").series
    assert curve.y[-1] == pytest.approx(panel.reading.answer)
    qtbot.keyClick(view, Qt.Key.Key_Space)
    qtbot.keyClick(view, Qt.Key.Key_Left)
    assert view.marks == [free, before[1] - 1]
    low = view.values[view.marks[1]]
    qtbot.keyClick(view, Qt.Key.Key_Up)
    assert view.values[view.marks[1]] == pytest.approx(min(1, low + 0.05))


def test_marks_stay_inside_and_apart(qtbot, opening: Opening) -> None:
    view = opening("adding-lstm", AddingPanel, 20).row  # type: ignore[attr-defined]
    first, second = view.marks
    view.move_mark(0, second, 0.5)
    assert view.marks == [first, second]
    view.move_mark(1, 500, 7.0)
    assert view.marks[1] == 19
    assert view.values[19] == 1.0


def test_the_dial_asks_at_its_distance_and_trains_what_is_missing(
    qtbot, opening: Opening, monkeypatch
) -> None:
    monkeypatch.setattr(distance_queue, "MEMORIES", (MEMORIES[0], MEMORIES[2], MEMORIES[4]))
    monkeypatch.setattr(distance_queue, "POLL_MS", 20)
    panel = opening("recall-lstm", DistancePanel, 6, saved=True)
    assert isinstance(panel, DistancePanel)
    assert panel.distance == 6
    panel.set_distance(15)
    qtbot.waitUntil(lambda: 15 in panel.reading.distances and panel.looked.done, timeout=LONG)
    panel.set_distance(4)
    qtbot.mouseClick(panel.train, Qt.MouseButton.LeftButton)
    assert not panel.train.isEnabled()
    qtbot.waitUntil(lambda: not panel.queue.active, timeout=LONG)
    runs = {info.name: info for info in panel.session.runs()}
    assert set(runs) == {"rnn-4-1", "gru-4-1", "lstm5-4-1"}
    assert all(info.state == "finished" for info in runs.values())
    panel.refresh()
    qtbot.waitUntil(lambda: _all_told(panel), timeout=LONG)
    found = {each.memory: each for each in panel.others.found}
    assert set(found) == {"tanh RNN", "GRU", "LSTM, forget bias 5"}
    assert all(each.length == 4 for each in found.values())
    panel.refresh()
    keys = {curve.key for curve in panel.plot.curves()}
    assert keys >= set(runs)
    panel.mode.set_value("trained")
    panel.mode.value_changed.emit("trained")
    by_memory = {curve.key: curve.series for curve in panel.plot.curves()}
    assert by_memory["GRU"].x.tolist() == [4]
    reading = found["GRU"].reading
    assert isinstance(reading, Distances)
    at = reading.distances.tolist().index(4)
    assert by_memory["GRU"].y[0] == pytest.approx(reading.right[at])
    known = frozenset((each.memory, each.length) for each in panel.others.found)
    assert panel.queue.begin(4, known) == 0


def _all_told(panel: DistancePanel) -> bool:
    panel.refresh()
    found = panel.others.found
    return len(found) == 3 and all(each.reading is not None for each in found)


def test_without_a_file_nothing_is_trained(qtbot, opening: Opening) -> None:
    panel = opening("recall-lstm", DistancePanel, 6)
    assert isinstance(panel, DistancePanel)
    with pytest.raises(RunError, match="Save the project"):
        panel.queue.begin(4, frozenset())
    assert not panel.queue.active


def test_how_far_is_said_in_words() -> None:
    import numpy as np

    def told(right: list[float]) -> str:
        empty, at = np.zeros(4), np.array([10, 20, 40, 80])
        numbers = np.array(right)
        return reach_words(
            Distances("letters", at, numbers, empty, empty, empty, (2, 20), 0.3, 1.0, "nats")
        )

    assert told([1, 1, 0.995, 0.5]) == "99 % right up to 40, 2 × the trained length"
    assert told([1, 1, 0.9, 1]) == "99 % right up to 20, 1 × the trained length"
    assert told([0.3, 0.4, 0.3, 0.3]) == "40% right at 20"
