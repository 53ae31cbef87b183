"""Asking, steering and keeping: what reaches the trainer, and what comes to the shelf."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from seqstudio.audio.output import RATE, NullOutput
from seqstudio.blocks.templates import make
from seqstudio.document.document import Document
from seqstudio.music.codings import CODINGS
from seqstudio.music.score import Note
from seqstudio.records.messages import Constraints, Steer
from seqstudio.records.readings import Sample, freeze
from seqstudio.runtime.history import RunHistory
from seqstudio.studio.listen.measures_panel import MeasuresPanel
from seqstudio.studio.listen.shelf import Shelf
from seqstudio.studio.listen.shelf_panel import ShelfPanel
from seqstudio.studio.listen.sound import ListenSession
from seqstudio.studio.listen.take_desk import TakeDesk
from seqstudio.studio.listen.takes import take_of_sample
from seqstudio.studio.listen.wishes import Wish
from seqstudio.studio.listen.write_panel import WritePanel
from seqstudio.studio.session import Session

HEAD = "X:1\nT:Scale\nM:4/4\nL:1/4\nK:C\n"
TEXT = "CDEF|GABc|cBAG|FEDC|\n\n"
LEFT = Qt.MouseButton.LeftButton
LETTERS = "DEFGABcdefga"
BOOK = "".join(
    f"X:{n}\nT:Tune {n}\nM:4/4\nL:1/4\nK:C\n"
    f"{LETTERS[n % 12]}DEF|GABc|{LETTERS[n // 12]}BAG|FEDC|\n\n"
    for n in range(40)
)


def sample(text=TEXT, **changes):
    chances = freeze(np.full(len(text), 0.5, np.float32))
    plain = Sample(1, 100, HEAD, text, chances, (), 0.8, 7, True)
    return replace(plain, **changes)


@pytest.fixture
def session(qtbot, tmp_path):
    book = tmp_path / "book.abc"
    book.write_text(BOOK, encoding="utf-8")
    session = Session(Document(make("abc-lstm", str(book))), threads=True)
    session.document.save(tmp_path / "irish.seq")
    session.history = RunHistory("lstm-1")
    session.run_project = session.project
    session.state = "running"
    session.steered = []  # type: ignore[attr-defined]
    session.asked = []  # type: ignore[attr-defined]

    def write(*wish, **more):
        session.asked.append((wish, more))
        return len(session.asked)

    session.write = write  # type: ignore[method-assign]
    session.steer = session.steered.append  # type: ignore[method-assign]
    qtbot.waitUntil(lambda: session.dataset is not None)
    yield session
    session.begin_close()
    assert session.end_close()


@pytest.fixture
def clock():
    return [10.0]


@pytest.fixture
def listen(session, clock):
    listen = ListenSession(session, lambda: (NullOutput(RATE, lambda: clock[0]), ""))
    yield listen
    listen.close()


@pytest.fixture
def desk(listen):
    return TakeDesk.of(listen)


def arrive(session, *events):
    session.events.emit(session.history.extend(events))


WISH = Wish(HEAD, 300, 0.8, seed=7)


def test_a_live_tune_is_written_two_bars_ahead_of_the_playhead(session, listen, desk) -> None:
    desk.write(replace(WISH, live=True))
    assert session.asked[0][1]["ahead"] == 3
    arrive(session, sample(done=False))
    listen.seek(1.0)
    assert not session.steered
    listen.seek(9.0)
    assert session.steered == [Steer(1, 0.8, 0, 1.0, Constraints(), 5)]
    listen.seek(2.0)
    assert len(session.steered) == 1


def test_bars_of_the_prompt_do_not_count_as_written(session, listen, desk) -> None:
    prompt = HEAD + "CDEF|GABc|"
    desk.write(replace(WISH, prompt=prompt, live=True))
    arrive(session, sample("cBAG|FEDC|CDEF|\n", prompt=prompt, done=False))
    listen.seek(17.0)
    assert [each.ahead for each in session.steered] == [5]


def test_controls_act_on_the_tune_that_is_being_written(qtbot, session, listen, desk) -> None:
    panel = WritePanel(session, listen=listen)
    qtbot.addWidget(panel)
    panel.pace.set_value("live")
    panel.write_another()
    panel.keep.key.set_value("D major")
    panel.keep.changed.emit()
    panel.temperature.number.value_changed.emit(1.5)
    panel.temperature.set_value(1.5)
    qtbot.waitUntil(lambda: bool(session.steered))
    assert session.steered[-1].temperature == 1.5
    assert session.steered[-1].constraints.key == "D major"
    panel.refresh()
    assert not panel.end_button.isHidden()
    panel.end_button.click()
    assert session.steered[-1].stop
    arrive(session, sample())
    panel.refresh()
    assert panel.end_button.isHidden()
    assert desk.shelf.takes[-1].wish.constraints.key == "D major"


def test_selected_bars_are_written_on_anew_or_varied(qtbot, session, listen, desk) -> None:
    arrive(session, sample(request=0))
    panel = WritePanel(session, listen=listen)
    qtbot.addWidget(panel)
    panel.refresh()
    assert not panel.fill_button.isEnabled()
    listen.select((Fraction(4), Fraction(8)))
    panel.refresh()
    assert panel.region_words.text() == "Bar 2"
    panel.fill_button.click()
    (wish, more) = session.asked[-1]
    assert wish[0] == HEAD + "CDEF|"
    assert (more["after"], more["tries"], more["constraints"].bars) == ("cBAG|FEDC|\n\n", 4, 1)
    panel.vary_button.click()
    assert session.asked[-1][0][0] == HEAD + "CDEF|GA"
    panel.continue_button.click()
    assert session.asked[-1][0][0] == HEAD + "CDEF|GABc|"
    listen.select(None)
    panel.continue_button.click()
    assert session.asked[-1][0][0] == HEAD + TEXT.rstrip()


def test_a_filled_tune_is_heard_and_kept_whole(session, listen, desk) -> None:
    wish = replace(WISH, prompt=HEAD + "CDEF|", after="cBAG|\n\n", tries=4)
    desk.write(wish)
    arrive(session, sample("GFED|", prompt=wish.prompt))
    (kept,) = desk.shelf.takes
    assert kept.take.text == HEAD + "CDEF|GFED|cBAG|\n\n"
    assert listen.take.text == kept.take.text
    chances = kept.take.chances
    assert np.isnan(chances[:4]).all()
    assert not np.isnan(chances[4:8]).any()
    assert np.isnan(chances[8:]).all()
    again = Shelf(session.runs_home).takes[0].take
    assert np.array_equal(np.isnan(again.chances), np.isnan(chances))


def test_an_edited_tune_becomes_one_take_however_often_it_is_edited(session, listen, desk) -> None:
    listen.take_up(take_of_sample(sample(request=0)))
    for pitch in (70, 71):
        score = listen.take.score
        note = Note(pitch, score.end_beats, Fraction(1))
        listen.edit(replace(score, notes=(*score.notes, note)), "Draw a note")
        desk.keep_edit()
    (kept,) = desk.shelf.takes
    assert kept.origin == "edited"
    assert [n.pitch for n in kept.score.notes][-2:] == [70, 71]
    assert len(Shelf(session.runs_home).takes) == 1
    listen.take_up(take_of_sample(sample(request=0)))
    listen.edit(listen.take.score, "Again")
    desk.keep_edit()
    assert len(desk.shelf.takes) == 2


def test_a_take_is_written_again_with_its_seed(session, listen, desk) -> None:
    session.history.step = 100
    desk.write(WISH)
    arrive(session, sample())
    desk.repeat(desk.shelf.takes[-1])
    assert session.asked[0] == session.asked[1]


# The panel


def shown(qtbot, session, listen, count=3):
    desk = TakeDesk.of(listen)
    for number in range(count):
        take = take_of_sample(sample(request=9, seed=number, text=TEXT * (number + 1)))
        desk.keep(replace(take, title=f"Tune {number}"), "written", wish=WISH, run="lstm-1")
    panel = ShelfPanel(session, listen=listen)
    qtbot.addWidget(panel)
    panel.resize(400, 420)
    panel.show()
    panel.refresh()
    return panel, desk


def titles(panel):
    return [card.kept.title for card in panel.cards]


def test_stars_sort_filter_and_are_kept(qtbot, session, listen) -> None:
    panel, desk = shown(qtbot, session, listen)
    assert titles(panel) == ["Tune 2", "Tune 1", "Tune 0"]
    card = panel.cards[2]
    QTest.mouseClick(card.stars, LEFT, pos=QPoint(4 * 16 - 6, 10))
    assert desk.shelf.takes[0].stars == 4
    panel.order.set_value("stars")
    panel.order.committed.emit("stars")
    assert titles(panel)[0] == "Tune 0"
    panel.least_stars.set_value(3)
    panel.least_stars.committed.emit(3)
    assert titles(panel) == ["Tune 0"]
    assert Shelf(session.runs_home).takes[0].stars == 4


def test_delete_comes_back_and_renaming_is_kept(qtbot, session, listen) -> None:
    panel, desk = shown(qtbot, session, listen)
    QTest.keyClick(panel.cards[0], Qt.Key.Key_Delete)
    panel.refresh()
    assert titles(panel) == ["Tune 1", "Tune 0"]
    panel.undo_button.click()
    panel.refresh()
    assert titles(panel) == ["Tune 2", "Tune 1", "Tune 0"]
    panel.cards[0]._told_name("  Best  ")
    assert desk.shelf.takes[-1].title == "Best"


def test_compared_takes_are_heard_from_the_same_beat(qtbot, session, listen, clock) -> None:
    panel, _desk = shown(qtbot, session, listen)
    assert not panel.view._buttons["compare"].isEnabled()
    for card in panel.cards[:2]:
        card.compare.click()
    panel.refresh()
    panel.view._buttons["compare"].click()
    first, second = panel.comparison.rows
    QTest.keyClick(panel.comparison, Qt.Key.Key_A)
    assert listen.take is first.kept.take
    listen.pause()
    listen.seek(6.0)
    QTest.keyClick(panel.comparison, Qt.Key.Key_B)
    assert listen.take is second.kept.take
    assert listen.position_beats == pytest.approx(6.0, abs=0.01)
    assert first.picture.span_beats == second.picture.span_beats


def test_cursor_and_text_count_tokens_where_they_are_longer_than_a_character() -> None:
    coding = CODINGS["events"]
    text = "piece m4/4 kC-major bar pos0 p60 d12 pos12 p62 d12 end\n"
    take = take_of_sample(sample(text, prompt=""), 0, coding)
    first, second = (take.source(note) for note in take.score.notes)
    assert take.tokens[take.token_at(first[0])].strip() == "p60"
    assert take.tokens[take.token_at(second[0])].strip() == "p62"
    assert take.character_of(take.token_at(second[0])) == second[0]
    assert len(take.token_probability) == len(take.tokens)


def test_all_takes_are_summed_up_beside_the_corpus(qtbot, session, listen, desk) -> None:
    for text in (TEXT, "CDEF|GAB|\n\n", "\n"):
        desk.keep(take_of_sample(sample(text, request=9)), "written", wish=WISH)
    panel = MeasuresPanel(session, listen=listen)
    qtbot.addWidget(panel)
    panel.of.set_value("all")
    panel.refresh()
    rows = panel.rows()
    assert rows["Valid"].value == "2 of 3"
    assert rows["Bars that add up"].value == "5 of 6"
    assert rows["Notes at a time"].value == "1.00 ± 0.00"
