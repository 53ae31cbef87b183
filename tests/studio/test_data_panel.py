"""The Data panel on somebody's table: as the model sees it, columns, counts, balance, leaks."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from seqstudio.blocks.templates import make
from seqstudio.document.document import Document
from seqstudio.studio.panels.data import DataPanel
from seqstudio.studio.session import Session

PATIENCE_MS = 60_000
LONG = "one two three four five six seven eight nine ten eleven twelve thirteen"


@pytest.fixture
def opinions(tmp_path: Path) -> Path:
    rng = random.Random(1)
    lines = ["verdict,said,note"]
    for at in range(300):
        up = at % 3 > 0
        lines.append(f'{"up" if up else "down"},"film {at} was {rng.choice(["so", "not"])}",')
    # The same words in other signs, and thirteen words in a row, all through the file.
    lines += [f'up,"Never {"!" * at} mind",x' for at in range(1, 40)]
    lines += [f'down,"{LONG} {at}",x' for at in range(60)]
    path = tmp_path / "opinions.csv"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


@pytest.fixture
def panel_of(qtbot, shown) -> Iterator[Callable[..., DataPanel]]:  # type: ignore[no-untyped-def]
    sessions: list[Session] = []

    def build(template: str, path: Path | None = None, **data: object) -> DataPanel:
        project = make(template, str(path) if path else "")
        values = {**project.data.as_dict(), **data}
        project = replace(project, data=type(project.data).parse(values))
        session = Session(Document(project), threads=True)
        sessions.append(session)
        panel = shown(DataPanel(session), 1200, 500)
        qtbot.waitUntil(lambda: session.dataset is not None, timeout=PATIENCE_MS)
        return panel

    yield build
    for session in sessions:
        session.begin_close()
        assert session.end_close(30)


def look(panel: DataPanel, view: str) -> None:
    panel._view.set_value(view)
    panel._view.value_changed.emit(view)


def test_a_table_is_seen_as_the_model_reads_it(qtbot, panel_of, opinions: Path) -> None:
    panel = panel_of("sentiment-lstm", opinions)
    session = panel.session
    qtbot.waitUntil(lambda: bool(panel.examples.rows_shown()), timeout=PATIENCE_MS)
    batch = next(session.dataset.task.whole(10))
    symbols = session.dataset.vocabulary.symbols
    for row, cells in enumerate(panel.examples.rows_shown()[:10]):
        length = int(batch.lengths[row])
        number = int(batch.inputs[row, 0])
        assert cells[1].startswith(f"{number} {symbols[number].replace(' ', '␣')}")
        assert cells[2:4] == [str(length), str(batch.inputs.shape[1] - length)]
        target = int(batch.targets[row])
        assert cells[4] == f"{target} {session.dataset.classes[target]}"
    panel._part.set_value("valid")
    panel._part.value_changed.emit("valid")
    first = next(session.dataset.held_out_task.whole(1))
    assert panel.examples.rows_shown()[0][2] == str(int(first.lengths[0]))
    told = {n.text(): v.text() for n, v in zip(panel._names, panel._values, strict=True)}
    assert told["examples to learn from"] == f"{len(session.dataset.task):,}"

    look(panel, "vocabulary")
    qtbot.waitUntil(lambda: bool(panel.vocabulary.rows.rows_shown()), timeout=PATIENCE_MS)
    rows = panel.vocabulary.rows.rows_shown()
    assert len(rows) == len(symbols)
    every = sum(int(batch.lengths.sum()) for batch in session.dataset.task.whole(512))
    assert sum(int(row[2].replace(",", "")) for row in rows) == every
    assert "unknown" in panel.vocabulary.unknown.text()
    panel.vocabulary.search.setText("film")
    assert [row[0] for row in panel.vocabulary.rows.rows_shown()] == ["␣film"]
    panel.vocabulary.search.setText("")
    panel.vocabulary.rows.sortByColumn(2, Qt.SortOrder.AscendingOrder)
    counts = [int(row[2].replace(",", "")) for row in panel.vocabulary.rows.rows_shown()]
    assert counts == sorted(counts)

    look(panel, "balance")
    bars = panel.balance.classes.bars
    assert [bar.name for bar in bars] == ["up", "down"]
    assert sum(bar.train for bar in bars) == pytest.approx(1)
    assert panel.balance.lengths.bars
    panel.balance.grab()


def test_leaks_are_found_with_examples(qtbot, panel_of, opinions: Path) -> None:
    panel = panel_of("sentiment-lstm", opinions)
    look(panel, "leaks")
    assert panel.leaks.look.isVisible()
    assert "Nobody has looked" in panel.leaks.words.text()
    QTest.mouseClick(panel.leaks.look, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: panel.leaks.rows.isVisible(), timeout=PATIENCE_MS)
    rows = panel.leaks.rows.rows_shown()
    assert {row[0] for row in rows} == {"nearly the same", "13 words shared"}
    assert all("never" in row[2] for row in rows if row[0] == "nearly the same")
    assert "held-out examples" in panel.leaks.words.text()


def test_columns_are_chosen_and_taken_back(qtbot, panel_of, opinions: Path) -> None:
    panel = panel_of("sentiment-lstm", opinions)
    session = panel.session
    look(panel, "columns")
    qtbot.waitUntil(lambda: bool(panel.columns.fields), timeout=PATIENCE_MS)
    assert "separator: comma, encoding: utf-8" in panel.columns.words.text()
    counts = {row[0]: row[1:] for row in panel.columns.counts.rows_shown()}
    assert counts["verdict"] == ["Label", "0", "2"]
    assert counts["note"] == ["", "300", "1"]
    label = panel.columns.fields["label"]
    label.set_value("note")
    label.value_changed.emit("note")
    assert session.project.data.columns == "label=note"
    qtbot.waitUntil(lambda: session.data_error is not None, timeout=PATIENCE_MS)
    session.document.undo()
    assert session.project.data.columns == ""
    qtbot.waitUntil(lambda: session.dataset is not None, timeout=PATIENCE_MS)


def test_empty_states_teach(qtbot, panel_of) -> None:
    panel = panel_of("hello-rnn")
    look(panel, "columns")
    assert "Open a table" in panel.columns.words.text()
    look(panel, "leaks")
    assert "drawn anew" in panel.leaks.words.text()
    assert not panel.leaks.look.isVisible()
    look(panel, "vocabulary")
    qtbot.waitUntil(lambda: "100 drawn" in panel.vocabulary.unknown.text(), timeout=PATIENCE_MS)


def test_long_work_can_be_given_up(qtbot) -> None:
    import threading

    from PySide6.QtCore import QObject

    from seqstudio.studio.panels.data.counting import Counting

    ended = threading.Event()

    def work(stopped: Callable[[], bool]) -> str:
        while not stopped():
            ended.wait(0.005)
        ended.set()
        return "never shown"

    owner = QObject()
    counting = Counting(owner)
    assert counting.found("a", work) is None
    assert counting.busy
    counting.give_up()
    assert ended.wait(5)
    assert counting.found("a", work) is None
    assert not counting.busy, "given up stays given up"
    counting.again()
    counting.found("a", lambda _stopped: 7)
    qtbot.waitUntil(lambda: counting.found("a", work) == 7)
