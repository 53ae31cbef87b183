"""The health panel: what was recorded, at the training clock, by block."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt

from seqstudio.document.document import Document
from seqstudio.engine.beside import HEALTH_SHARE
from seqstudio.engine.cadence import Cadence
from seqstudio.runtime import vitals
from seqstudio.runtime.diagnosis import diagnose
from seqstudio.studio.inside.health.findings import FindingsPanel
from seqstudio.studio.inside.health.panel import HealthPanel
from seqstudio.studio.inside.health.table import HEAD
from seqstudio.studio.session import Session
from tests.small_runs import recorded, small_project


@pytest.fixture(scope="module")
def run(small_text):
    """A healthy LSTM whose health was measured at every step."""
    due = Cadence.due
    Cadence.due = lambda self, now: self.share == HEALTH_SHARE or due(self, now)
    try:
        project = small_project("char-lstm", small_text, 60)
        return project, recorded(project, "lstm-1")
    finally:
        Cadence.due = due


@pytest.fixture
def session(qtbot, run):
    project, history = run
    made = Session(Document(project), threads=True)
    made.history, made.run_project = history, project
    yield made
    made.begin_close()
    qtbot.waitUntil(lambda: made.closed, timeout=20_000)
    made.end_close()


@pytest.fixture
def panel(qtbot, session) -> HealthPanel:
    made = HealthPanel(session)
    qtbot.addWidget(made)
    made.resize(1000, 500)
    made.show()
    return made


def test_strips_draw_what_was_recorded(panel, session) -> None:
    readings = vitals.up_to(session.history.health, session.history.step)
    assert len(readings) > 20
    assert not panel.is_empty
    curve = panel._strips["ratio"].curve("LSTM")
    np.testing.assert_array_equal(curve.series.x, [each.step for each in readings])
    want = [vitals.block_ratio(each, "lstm") for each in readings]
    np.testing.assert_allclose(curve.series.y, want)
    norms = panel._strips["norm"]
    assert (norms.curve("after").series.y <= norms.curve("before").series.y * (1 + 1e-6)).all()
    assert set(panel.numbers()) >= {"step", "update ratio lstm", "gradient norm before", "clipped"}
    assert all(len(values) == len(readings) for values in panel.numbers().values())


def test_the_table_follows_the_training_clock(panel, session) -> None:
    row = next(row for row in panel._table._rows if row.block == "lstm")
    newest = session.history.health.newest()
    assert row.ratio == pytest.approx(vitals.block_ratio(newest, "lstm"))
    assert row.before >= row.after > 0
    assert "f " in row.units
    session.move_cursor(step=30)
    panel.refresh()
    then = session.history.health.at(30)
    assert then.step <= 30
    row = next(row for row in panel._table._rows if row.block == "lstm")
    assert row.ratio == pytest.approx(vitals.block_ratio(then, "lstm"))
    assert f"step {then.step:,}" in panel.header.subtitle()


def test_a_click_on_a_strip_moves_the_clock_and_on_a_row_chooses_the_block(
    qtbot, panel, session
) -> None:
    steps = session.history.health.steps()
    panel._strips["ratio"].picked.emit(float(steps[9]) + 0.3)
    assert session.cursor.step == steps[9]
    place = [row.block for row in panel._table._rows].index("lstm")
    y = int(HEAD + (place + 0.5) * panel._table._row_height)
    qtbot.mouseClick(panel._table, Qt.MouseButton.LeftButton, pos=QPoint(40, y))
    assert session.cursor.block == "lstm"
    wide = panel._strips["ratio"].curve("LSTM").width
    assert wide > panel._strips["ratio"].curve("Embedding").width
    qtbot.keyClick(panel._table, Qt.Key.Key_Up)
    assert session.cursor.block == "embedding"


def test_a_healthy_run_says_so_with_its_numbers(qtbot, session, run) -> None:
    project, history = run
    assert diagnose(history, project, session.facts) == ()
    findings = FindingsPanel(session)
    qtbot.addWidget(findings)
    findings.show()
    assert findings.is_empty
    assert "pdate-to-weight ratio" in findings._vitals_in_words(frozenset())
    assert findings.header.subtitle().endswith("nothing found")


def test_without_a_run_both_say_what_they_need(qtbot, run) -> None:
    session = Session(Document(run[0]), threads=True)
    for kind in (HealthPanel, FindingsPanel):
        panel = kind(session)
        qtbot.addWidget(panel)
        panel.show()
        assert panel.is_empty
        assert panel.numbers() == {}
    session.begin_close()
    qtbot.waitUntil(lambda: session.closed, timeout=20_000)
    session.end_close()
