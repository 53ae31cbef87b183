"""Findings in the window: a plain RNN is called vanishing, the remedy mends it, undo restores."""

from __future__ import annotations

from dataclasses import replace

import pytest

from seqstudio.blocks.templates import make
from seqstudio.document.document import Document
from seqstudio.document.edits import SetSetting
from seqstudio.document.project import Project
from seqstudio.records.messages import SetProbeText
from seqstudio.runtime.vitals import VITALS
from seqstudio.studio.inside.health.findings import FindingsPanel
from seqstudio.studio.session import Session

LONG = 60_000


def forgetful() -> Project:
    """A plain tanh RNN with torch's start that has to add two numbers, up to 50 steps apart."""
    plain = make("adding-rnn")
    graph = plain.graph.with_block(plain.graph.blocks["rnn"].with_param("hidden", 24))
    training = replace(plain.training, budget="steps", steps=1_000_000, batch=8, threads=1,
                       precision="float32")  # fmt: skip
    return replace(plain, graph=graph, training=training)


@pytest.fixture
def session(qtbot):
    made = Session(Document(forgetful()), threads=True)
    yield made
    made.begin_close()
    qtbot.waitUntil(lambda: made.closed, timeout=20_000)
    made.end_close()


@pytest.fixture
def panel(qtbot, session) -> FindingsPanel:
    made = FindingsPanel(session)
    qtbot.addWidget(made)
    made.resize(900, 600)
    made.show()
    assert made.is_empty
    return made


def button(panel: FindingsPanel, words: str):
    (found,) = [b for card in panel._cards for b in card.buttons.buttons() if b.text() == words]
    return found


def newest(readings) -> int:
    return -1 if readings.newest() is None else readings.newest().step


def measure(qtbot, session, steps: int = 45, times: int = 3) -> None:
    """Train some steps and measure, several times: no rule trusts fewer than three readings."""
    for _ in range(times):
        goal = session.history.step + steps
        session.step(steps)
        qtbot.waitUntil(
            lambda k=goal: session.history.step >= k and session.state == "paused", timeout=LONG
        )
        session.view.send(SetProbeText(""))
        qtbot.waitUntil(lambda k=goal: newest(session.history.horizons) >= k, timeout=LONG)
        qtbot.waitUntil(lambda k=goal: newest(session.history.health) >= k, timeout=LONG)


def test_remedy_lengthens_the_reach_and_undo_restores(qtbot, session, panel) -> None:
    measure(qtbot, session)
    panel.refresh()
    (finding,) = panel.findings
    reach = VITALS["reach"].at(session.history, session.history.step)[1]
    assert finding.key == "vanishing"
    assert 2.5 < reach < 8
    assert f"every {reach:.1f} steps" in finding.evidence
    before, old = session.project, session.history
    button(panel, "Replace RNN by LSTM").click()
    assert [b.kind for b in session.project.graph if b.kind in {"rnn", "lstm"}] == ["lstm"]
    assert session.document.undo_label == "Replace RNN by LSTM"
    card = panel._card
    assert card is not None
    assert not card.live.isHidden()
    assert "Now: not measured yet" in card.told.text()
    assert not any(each.buttons.buttons() for each in panel._cards), "first try this one"
    card.undo.click()
    assert session.project == before
    assert panel._card is None

    button(panel, "Replace RNN by LSTM").click()
    panel._card.beside.click()
    qtbot.waitUntil(lambda: session.state == "running", timeout=LONG)
    session.pause()
    qtbot.waitUntil(lambda: session.state == "paused", timeout=LONG)
    measure(qtbot, session, times=1)
    assert old.run in session.others
    panel.refresh()
    longer = VITALS["reach"].at(session.history, session.history.step)[1]
    assert longer > 2 * reach
    said = panel._card.told.text()
    assert said.startswith(f"Before: ÷10 every {reach:.3g} steps (RNN")
    assert f"Now: ÷10 every {longer:.3g} steps (LSTM" in said
    assert {curve.key for curve in panel._card.chart.curves()} == {"before", "now"}


def test_an_edit_can_be_applied_to_the_run_that_goes_on(qtbot, session, panel) -> None:
    measure(qtbot, session)
    panel.refresh()
    button(panel, "Replace RNN by GRU").click()
    old = session.history
    panel._card.live.click()
    qtbot.waitUntil(lambda: bool(session.history.edits), timeout=LONG)
    measure(qtbot, session, times=1)
    panel.refresh()
    assert session.history is old
    assert "Now: ÷10 every" in panel._card.told.text()


def test_a_live_setting_reaches_the_run_at_once(qtbot, session, panel) -> None:
    session.document.apply(SetSetting("training", "learning_rate", 1e-6))
    measure(qtbot, session)
    panel.refresh()
    assert "small updates" in [finding.key for finding in panel.findings]
    button(panel, "A hundred times").click()
    assert session.project.training.learning_rate == pytest.approx(1e-4)
    assert panel._card.live.isHidden(), "a live setting needs no second button"
    qtbot.waitUntil(
        lambda: any(each.name == "learning_rate" for each in session.history.live), timeout=LONG
    )
