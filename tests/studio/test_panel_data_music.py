"""The Data panel on music: every step with its number, and the corpus in numbers."""

from __future__ import annotations

from seqstudio.blocks.templates import make
from seqstudio.document.document import Document
from seqstudio.records.messages import Facts
from seqstudio.runtime.history import RunHistory
from seqstudio.studio.panels.curves import CurvesPanel
from seqstudio.studio.panels.data import DataPanel
from seqstudio.studio.session import Session

PATIENCE_MS = 60_000


def test_tokens_stand_beside_the_text_with_their_numbers(shown, qtbot) -> None:
    session = Session(Document(make("melody-gru")), threads=True)
    panel = shown(DataPanel(session), 1100)
    qtbot.waitUntil(lambda: session.dataset is not None, timeout=PATIENCE_MS)
    qtbot.waitUntil(lambda: bool(panel._tokens.toPlainText()), timeout=PATIENCE_MS)
    dataset = session.dataset
    assert panel._tokens.isVisible()
    for place, line in enumerate(panel._tokens.toPlainText().splitlines()[:60]):
        at, number, token = line.split()[0], line.split()[1], line.split(maxsplit=2)[2]
        assert (int(at), int(number)) == (place, int(dataset.train[place]))
        symbol = dataset.vocabulary.symbols[dataset.train[place]]
        assert token == symbol.replace("\n", "⏎").replace(" ", "␣")
    qtbot.waitUntil(lambda: panel._classes.isVisible(), timeout=PATIENCE_MS)
    told = {n.text(): v.text() for n, v in zip(panel._music_names, panel._music_values)}  # noqa: B905
    assert int(told["bars"].replace(",", "")) > 500
    assert told["range"].startswith("G3 to ")
    assert "4/4" in panel._music_words.text()
    panel._part.set_value("valid")
    qtbot.waitUntil(
        lambda: panel._tokens.toPlainText().splitlines()[1].split()[1] == str(dataset.valid[1]),
        timeout=PATIENCE_MS,
    )
    session.begin_close()
    assert session.end_close(30)


def test_a_text_has_no_list_of_tokens(viewing, shown, qtbot) -> None:
    panel = shown(DataPanel(viewing("char-lstm", run=False)), 1100)
    qtbot.waitUntil(lambda: bool(panel._text.toPlainText()))
    assert not panel._tokens.isVisible()
    assert not panel._classes.isVisible()


def test_a_run_in_another_unit_stays_out_of_the_chart(viewing, shown, qtbot) -> None:
    session = viewing("char-lstm")
    other, alike = RunHistory("events-1"), RunHistory("char-2")
    mine = session.history.facts
    for history, unit in ((other, "nats per event"), (alike, mine.unit)):
        history.extend([Facts(10, 4.0, "counting", 1.0, unit, 9, 9, "cpu")])
        history.extend(_metrics())
    session.others = {"events-1": other, "char-2": alike}
    panel = shown(CurvesPanel(session), 1100)
    qtbot.waitUntil(lambda: "char-2" in panel._runs)
    assert "events-1" not in panel._runs
    assert "1 left out" in panel.header._subtitle.text()


def _metrics():
    import numpy as np

    from seqstudio.records.readings import Metrics

    steps, flat = np.arange(1, 4), np.full(3, 0.5)
    return [Metrics(steps, flat + 1, flat, flat * 2e-3, flat, steps * 0.1, steps * 64)]
