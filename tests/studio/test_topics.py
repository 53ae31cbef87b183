"""Topics of a page, and two runs side by side in a deck."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QByteArray

from seqstudio.document.project import project_text
from seqstudio.studio.deck import Deck
from seqstudio.studio.inside.gradients.spectrum import SpectrumPanel
from seqstudio.studio.inside.page import InsidePage
from seqstudio.studio.panels.horizon import HorizonPanel


@pytest.fixture
def page(qtbot, viewing):
    made = InsidePage(viewing("char-lstm"))
    qtbot.addWidget(made)
    made.resize(1200, 700)
    with qtbot.waitExposed(made):
        made.show()
    return made


def test_a_topic_is_made_when_it_is_looked_at(page) -> None:
    assert page.topic == "overview"
    assert set(page._made) == {"overview"}
    page.choose("gradients")
    assert page.topic == "gradients"
    assert page.front is page.page_of("gradients")
    assert any(isinstance(part, Deck) for part in page.parts())


def test_a_panel_is_found_whatever_its_topic(page) -> None:
    found = page.show_panel(SpectrumPanel)
    assert isinstance(found, SpectrumPanel)
    assert page.topic == "gradients"
    assert found.isVisible()


def test_the_arrangement_of_every_topic_is_kept(page, qtbot, viewing) -> None:
    page.choose("gradients")
    state = page.arrangement()
    other = InsidePage(page.session)
    qtbot.addWidget(other)
    assert other.arrange(state)
    assert other.topic == "gradients"
    assert not other.arrange(QByteArray(b"no arrangement")), "an old or damaged one is left out"


def test_another_run_stands_beside_the_one_in_view(qtbot, trained, viewing) -> None:
    from seqstudio.runtime.store import RunStore

    session = viewing("char-lstm")
    project, history = trained("char-rnn")
    folder = session.runs_home / "rnn-7"
    store = RunStore.create(folder, project_text(project))
    store.append(history.curves.as_metrics())
    store.append(history.horizons.newest())
    store.close()
    (folder / "project.seq").write_text(project_text(project), encoding="utf-8")
    deck = Deck([HorizonPanel(session)], session=session)
    qtbot.addWidget(deck)
    deck.resize(1000, 400)
    deck.show()
    deck.show_beside("rnn-7")
    second = deck._second
    assert isinstance(second, HorizonPanel)
    assert second is not deck.panels[0]
    qtbot.waitUntil(second.isVisible)
    mine, theirs = (panel._chart.curves()[0] for panel in (deck.panels[0], second))
    assert not np.array_equal(mine.series.y, theirs.series.y)
    assert theirs.paint == "arch:rnn"
    assert "rnn-7" in second.header._title.text()
    deck.show_beside("")
    assert deck._second is None
    deck.show_beside("no-such-run")
    assert deck._second is None


def test_the_canvas_and_the_panels_point_at_the_same_block(qtbot, viewing) -> None:
    from seqstudio.studio.pages import BuildPage

    session = viewing("char-lstm")
    build = BuildPage(session)
    qtbot.addWidget(build)
    build.canvas.select(("lstm",))
    assert session.cursor.block == "lstm"
    build.canvas.select(("dropout",))
    assert session.cursor.block == "lstm", "nothing to look into there"
    session.move_cursor(block="lstm", unit=3)
    assert build.canvas.editor.selection == ("lstm",)
    assert session.cursor.unit == 3
