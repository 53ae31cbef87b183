"""The panels of the Listen page: real widgets under pointer and keys, and their pictures."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QGuiApplication, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton

from seqstudio.audio.output import RATE, NullOutput
from seqstudio.blocks.templates import make
from seqstudio.document.document import Document
from seqstudio.music.abc import read_tune
from seqstudio.records.readings import Sample, Validation, freeze
from seqstudio.runtime.history import RunHistory
from seqstudio.studio.listen import (
    AgesPanel,
    ListenSession,
    MeasuresPanel,
    PianoRollPanel,
    TextPanel,
    WritePanel,
)
from seqstudio.studio.listen.roll import PianoRoll
from seqstudio.studio.listen.roll_panel import place_words
from seqstudio.studio.listen.takes import take_of_sample
from seqstudio.studio.listen.text_panel import offset_of
from seqstudio.studio.session import Session
from seqstudio.studio.theme import themes

LEFT = Qt.MouseButton.LeftButton
HEAD = "X:1\nT:Scale\nM:4/4\nL:1/4\nK:C\n"
MUSIC = "CDEF|GABc|\n"
LETTERS = "DEFGABcdefga"
BOOK = "".join(
    f"X:{n}\nT:Tune {n}\nM:6/8\nL:1/8\nK:D\n"
    f"|:{LETTERS[n % 12]}2e fed|{LETTERS[n // 12]}2a afe|d2e fed|c2B A3:|\n\n"
    for n in range(1, 61)
)
NO_SOUND = "No sound: no sound device was found. Connect one and start again."


def sample(text=MUSIC, prompt=HEAD, p=0.5, **changes):
    chances = np.full(len(text), p) if np.isscalar(p) else np.array(p)
    values = {
        "request": 0, "step": 100, "prompt": prompt, "text": text,
        "probability": freeze(chances.astype(np.float32)), "choices": (), "temperature": 0.8,
        "seed": 7, "done": True,
    }  # fmt: skip
    return Sample(**{**values, **changes})


class Clock:
    now = 10.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def make_session(qtbot, tmp_path):
    made = []

    def build(template="abc-lstm", text=BOOK):
        path = tmp_path / f"{template}.txt"
        path.write_text(text, encoding="utf-8")
        session = Session(Document(make(template, str(path))), threads=True)
        made.append(session)
        session.history = RunHistory("lstm-1")
        session.run_project = session.project
        qtbot.waitUntil(lambda: session.dataset is not None)
        return session

    themes().set_mode("dark")
    yield build
    for session in made:
        session.begin_close()
        assert session.end_close()


@pytest.fixture
def session(make_session):
    return make_session()


@pytest.fixture
def listen(session, clock):
    listen = ListenSession(session, lambda: (NullOutput(RATE, clock), NO_SOUND))
    yield listen
    listen.close()


@pytest.fixture
def show(qtbot, session, listen):
    kept = []  # a panel without a reference goes with everything in it

    def build(kind, width=900, height=420):
        panel = kind(session, listen=listen)
        kept.append(panel)
        qtbot.addWidget(panel)
        panel.resize(width, height)
        panel.show()
        panel.refresh()
        return panel

    yield build
    kept.clear()


def arrive(session, *events):
    session.events.emit(session.history.extend(events))


def ready(qtbot, listen):
    listen.open_sound()
    qtbot.waitUntil(lambda: listen.message != "" and listen._ready)


def colour(widget, x, y):
    return widget.grab().toImage().pixelColor(int(x), int(y))


# Piano roll


def test_the_roll_paints_a_note_more_solid_the_surer_the_model_was(session, show):
    arrive(session, sample("C4|c4|", p=[1, 1, 1, 0.05, 1, 1]))
    roll = show(PianoRollPanel).roll
    frame = roll.frame_now()
    low, high = roll.score.notes
    sure = colour(roll.viewport(), *frame.note_rect(low).center().toTuple())
    unsure = colour(roll.viewport(), *frame.note_rect(high).center().toTuple())
    ground = themes_colour("surface0")
    assert distance(sure, ground) > distance(unsure, ground) > 40


def themes_colour(token):
    from seqstudio.studio.theme import theme

    return theme().color(token)


def distance(one, other):
    return sum(abs(a - b) for a, b in zip(one.getRgb()[:3], other.getRgb()[:3], strict=True))


def test_the_sounding_note_lights_up_and_the_playhead_stands_there(session, listen, show):
    arrive(session, sample())
    roll = show(PianoRollPanel).roll
    listen.seek(2.5)
    frame = roll.frame_now()
    rect = frame.note_rect(roll.score.notes[2])
    assert colour(roll.viewport(), rect.left() + 4, rect.center().y()) == themes_colour("textHi")
    x = frame.x(2.5)
    assert colour(roll.viewport(), x, frame.lane.bottom() - 3) == themes_colour("cursor")
    assert colour(roll.viewport(), x, frame.ruler.bottom() - 10) == themes_colour("cursor")


def test_a_doubted_note_carries_a_dot(session, show):
    arrive(session, sample(p=[0.3] + [0.9] * 10))
    roll = show(PianoRollPanel).roll
    picture = roll.viewport().grab().toImage()
    warn = themes_colour("warn")
    frame = roll.frame_now()

    def dotted(note):
        rect = frame.note_rect(note)
        return picture.pixelColor(int(rect.left() + 3), int(rect.top() - 4)) == warn

    assert [dotted(note) for note in roll.score.notes] == [True] + [False] * 7


def test_what_is_not_written_is_hatched_behind_the_accent_line(session, show):
    session.state = "running"
    arrive(session, sample("CDEF|", done=False))
    panel = show(PianoRollPanel)
    frame = panel.roll.frame_now()
    line = colour(panel.roll.viewport(), frame.x(4.0), frame.grid.center().y())
    assert line == themes_colour("accent")
    assert panel.play_button.isEnabled()
    assert "being written" in panel.header.subtitle()
    arrive(session, sample())
    panel.refresh()
    assert panel.play_button.isEnabled()
    assert "“Scale”, written by LSTM · lstm-1, step 100" in panel.header.subtitle()


def test_press_and_drag_in_the_ruler_seek(session, listen, show):
    arrive(session, sample())
    roll = show(PianoRollPanel).roll
    frame = roll.frame_now()
    y = int(frame.ruler.center().y())
    QTest.mousePress(roll.viewport(), LEFT, pos=QPoint(round(frame.x(3.0)), y))
    assert listen.position_beats == pytest.approx(3.0, abs=0.05)
    QTest.mouseMove(roll.viewport(), QPoint(round(frame.x(6.0)), y))
    assert listen.position_beats == pytest.approx(6.0, abs=0.05)
    QTest.mouseRelease(roll.viewport(), LEFT, pos=QPoint(round(frame.x(6.0)), y))
    QTest.mouseMove(roll.viewport(), QPoint(round(frame.x(1.0)), y))
    assert listen.position_beats == pytest.approx(6.0, abs=0.05)


def test_a_click_on_a_note_goes_there_in_sound_and_text(session, listen, show):
    arrive(session, sample())
    roll = show(PianoRollPanel).roll
    place = roll.frame_now().note_rect(roll.score.notes[5]).center().toPoint()
    QTest.mouseClick(roll.viewport(), LEFT, pos=place)
    assert listen.position_beats == 5.0
    assert session.cursor.t == len(HEAD) + 6


def test_hovering_a_note_outlines_its_character(session, listen, show):
    arrive(session, sample())
    abc = show(TextPanel)
    abc.hide()  # else it lies under or over the roll
    roll = show(PianoRollPanel).roll
    note = roll.score.notes[3]
    QTest.mouseMove(roll.viewport(), roll.frame_now().note_rect(note).center().toPoint())
    assert listen.hovered == note
    assert abc.strip.cursor_token() == len(HEAD) + 3
    QTest.mouseMove(roll.viewport(), QPoint(5, 5))
    assert listen.hovered is None


def test_keys_play_loop_zoom_and_go_by_bars(qtbot, session, listen, show):
    arrive(session, sample())
    panel = show(PianoRollPanel)
    ready(qtbot, listen)
    QTest.keyClick(panel.roll, Qt.Key.Key_Space)
    assert listen.playing
    assert panel.play_button.accessibleName() == "Pause"
    QTest.keyClick(panel.roll, Qt.Key.Key_Space)
    assert not listen.playing
    QTest.keyClick(panel.roll, Qt.Key.Key_L)
    assert listen.looped
    QTest.keyClick(panel.roll, Qt.Key.Key_Home)
    QTest.keyClick(panel.roll, Qt.Key.Key_Right)
    assert listen.position_beats == pytest.approx(4.0, abs=1e-3)
    QTest.keyClick(panel.roll, Qt.Key.Key_Left)
    assert listen.position_beats == pytest.approx(0.0, abs=1e-3)
    before = panel.roll.frame_now().beat
    QTest.keyClick(panel.roll, Qt.Key.Key_Plus)
    assert panel.roll.frame_now().beat > before


def test_the_header_plays_stops_and_tells_the_place(qtbot, session, listen, show, clock):
    arrive(session, sample())
    panel = show(PianoRollPanel)
    ready(qtbot, listen)
    panel.refresh()
    panel.play_button.click()
    clock.now += 2.7
    listen._poll()
    assert panel.place.text() == "2.3 bar  0:02.7"
    panel.stop_button.click()
    assert panel.place.text() == "1.0 bar  0:00.0"
    panel.loop_button.click()
    assert listen.looped


def test_places_in_words():
    take = take_of_sample(sample())
    assert place_words(take, 7.99, 120.0) == "2.9 bar  0:04.0"
    assert place_words(take, 4.0, 2.0) == "2.0 bar  2:00.0"
    assert place_words(None, 0.0, 120.0) == ""


def wheel(roll, x, turn, modifiers=Qt.KeyboardModifier.NoModifier):
    place = QPointF(x, 100)
    event = QWheelEvent(
        place, roll.viewport().mapToGlobal(place), QPoint(), QPoint(0, turn),
        Qt.MouseButton.NoButton, modifiers, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(roll.viewport(), event)


def test_the_wheel_zooms_around_the_pointer_and_scrolls(session, show):
    arrive(session, sample(MUSIC * 12))
    roll = show(PianoRollPanel).roll
    frame = roll.frame_now()
    beats = frame.beats_at(400)
    wheel(roll, 400, 240, Qt.KeyboardModifier.ControlModifier)
    zoomed = roll.frame_now()
    assert zoomed.beat == pytest.approx(frame.beat * 1.44)
    assert zoomed.beats_at(400) == pytest.approx(beats, abs=0.1)
    wheel(roll, 400, -120)
    assert roll.frame_now().scroll == zoomed.scroll + 120


def test_the_page_turns_with_the_playhead_only_while_it_is_followed(session, show):
    arrive(session, sample(MUSIC * 12))
    panel = show(PianoRollPanel)
    panel.roll.zoom(2.0)
    panel.roll.horizontalScrollBar().setValue(0)
    panel.follow.click()
    panel.roll.set_position(60.0, playing=True)
    assert panel.roll.frame_now().scroll == 0
    panel.follow.click()
    panel.roll.set_position(60.0, playing=True)
    frame = panel.roll.frame_now()
    assert frame.keys < frame.x(60.0) < frame.width


def test_a_book_tune_is_shown_as_given(session, show):
    panel = show(PianoRollPanel)
    assert "from the book" in panel.header.subtitle()
    assert all(math.isnan(chance) for chance in panel.take.chances)
    frame = panel.roll.frame_now()
    rect = frame.note_rect(panel.roll.score.notes[-1])
    from seqstudio.studio.theme import theme

    assert colour(panel.roll.viewport(), *rect.center().toTuple()) == theme().role("input")


def test_a_project_of_words_offers_tunes(qtbot, make_session, clock):
    session = make_session("char-lstm", "words and words " * 300)
    panel = PianoRollPanel(session)
    qtbot.addWidget(panel)
    panel.show()
    assert panel.is_empty
    button = next(b for b in panel.findChildren(QPushButton) if b.text() == "Open Tunes")
    with qtbot.waitSignal(panel.template_wanted) as caught:
        QTest.mouseClick(button, LEFT)
    assert caught.args == ["abc-lstm"]
    for kind in (WritePanel, TextPanel, MeasuresPanel, AgesPanel):
        other = kind(session)
        qtbot.addWidget(other)
        other.refresh()
        assert other.is_empty


def test_the_roll_of_an_empty_tune_paints(qtbot):
    roll = PianoRoll()
    qtbot.addWidget(roll)
    roll.resize(600, 300)
    assert not roll.grab().isNull()
    roll.set_take(take_of_sample(sample("", prompt="", done=False)))
    assert not roll.grab().isNull()
    assert roll.note_at(QPointF(300, 100)) is None


# ABC


def test_a_click_on_a_character_seeks(session, listen, show):
    arrive(session, sample())
    abc = show(TextPanel)
    rect = abc.strip.token_rect(len(HEAD) + 2)
    QTest.mouseClick(abc.strip._cells.viewport(), LEFT, pos=rect.center().toPoint())
    assert listen.position_beats == 2.0
    assert session.cursor.t == len(HEAD) + 2


def test_a_tune_that_is_looked_at_follows_the_shared_cursor_and_leads_it(session, listen, show):
    arrive(session, sample())
    roll = show(PianoRollPanel)
    asked = []
    listen.link.wanted.connect(lambda: asked.append(True))
    listen.seek(0.0)
    session.move_cursor(t=len(HEAD) + 2)
    assert listen.position_beats == 0.0, "another text is looked at so far"
    QTest.mouseClick(roll.inside, LEFT)
    assert asked == [True]
    assert session.project.sampling.probe_text == HEAD + MUSIC
    session.move_cursor(t=len(HEAD) + 6)  # the A behind the bar line
    assert listen.position_beats == 5.0
    listen.seek(1.0)
    assert session.cursor.t == len(HEAD) + 1
    session.document.undo()
    assert session.project.sampling.probe_text != HEAD + MUSIC


def test_the_character_at_the_playhead_is_outlined(session, listen, show):
    arrive(session, sample())
    abc = show(TextPanel)
    assert abc.strip.cursor_token() is None
    listen.seek(4.2)
    assert abc.strip.cursor_token() == len(HEAD) + 5


def test_underlines_are_surprise_and_given_characters_have_none(session, show):
    arrive(session, sample("CD", prompt=HEAD, p=[0.25, 1.0]))
    values = show(TextPanel).strip._cells._value_N
    assert np.isnan(values[: len(HEAD)]).all()
    assert values[len(HEAD) :] == pytest.approx([math.log(4), 0.0])


def test_problems_are_listed_and_lead_to_their_place(session, show):
    arrive(session, sample("CD}EF|GA\\B|\n"))
    abc = show(TextPanel)
    problems = abc.take.tune.problems
    assert problems
    assert abc.problems.count() == len(problems)
    assert abc.problems.item(0).text().startswith("line 6: ")
    abc.problems.itemClicked.emit(abc.problems.item(0))
    assert session.cursor.t == len(HEAD) + 2
    assert f"{len(problems)} problem" in abc.header.subtitle()


def test_offsets_of_problems_stay_inside_the_text():
    text = "X:1\nK:C\nC}D"
    problem = next(iter(read_tune(text).problems))
    assert text[offset_of(text, problem)] == "}"


def test_copying_takes_the_whole_text(session, show):
    arrive(session, sample())
    show(TextPanel).copy_button.click()
    assert QGuiApplication.clipboard().text() == HEAD + MUSIC


# Measures


def test_measures_stand_beside_those_of_the_corpus(qtbot, session, show):
    arrive(session, sample("CDEF|GAB|^c4|\n"))
    panel = show(MeasuresPanel)
    qtbot.waitUntil(lambda: panel.corpus is not None and panel.copied is not None)
    rows = panel.rows()
    assert rows["Bars that add up"].value == "2 of 3"
    assert rows["Bars that add up"].share == pytest.approx(2 / 3)
    assert rows["Bars that add up"].corpus == "corpus 1.00"
    assert rows["Notes in one scale"].value == "0.88"
    assert rows["Pitch range"].value == "C4–C♯5, 13 semitones"
    assert rows["Longest copied run"].value == f"{len(panel.copied.text)} characters"
    assert rows["Valid"].value == "yes, clean"
    panel.refresh()
    assert f"{panel.corpus.tunes} held-out tunes" in panel.header.subtitle()


def test_a_text_that_is_no_tune_says_why(session, show):
    arrive(session, sample("zz", prompt=""))
    rows = show(MeasuresPanel).rows()
    assert rows["Valid"].value.startswith("no, it has no key")
    assert rows["Bars that add up"].value == "no bars"
    assert rows["Pitch range"].value == "no notes"


def test_a_picture_of_the_measures_has_every_number(qtbot, session, listen):
    arrive(session, sample())
    panel = MeasuresPanel(session, listen=listen)
    qtbot.addWidget(panel)
    panel.to_image(400, 300)
    assert all(row.value != "–" for row in panel.rows().values())
    assert panel.corpus.compared == 5


# Ages


def test_every_age_has_a_card_that_plays_it(qtbot, session, listen, show):
    young, old = sample("CD|E|", step=0), sample(step=400)
    arrive(session, Validation(300, 1.62, 0.5, 100, True, True), young, old)
    panel = show(AgesPanel, 310, 400)
    assert [card._step.text() for card in panel.cards] == ["k 0", "k 400"]
    assert [card._loss.text() for card in panel.cards] == ["", "1.62 nats"]
    assert panel.cards[1]._bars.text() == "2 of 2 bars add up"
    assert panel.header.subtitle() == "the same prompt, two ages, by ear"
    ready(qtbot, listen)
    panel.cards[0].button.click()
    assert listen.take.sample is young
    assert not listen.live
    assert listen.playing
    panel.cards[0].button.click()
    assert not listen.playing
    QTest.mouseClick(panel.cards[1], LEFT, pos=QPoint(150, 10))
    assert listen.take.sample is old


def test_without_kept_samples_it_says_when_they_come(session, show):
    panel = show(AgesPanel)
    assert panel.is_empty
    arrive(session, sample())
    panel.refresh()
    assert not panel.is_empty
    assert len(panel.cards) == 1


# Writing


@pytest.fixture
def sent(session, monkeypatch):
    sent = []

    def write(*wish, **more):
        sent.append((*wish, more))
        return len(sent)

    monkeypatch.setattr(session, "write", write)
    return sent


def test_the_form_is_sent_as_shown(qtbot, session, show, sent):
    session.state = "running"
    panel = show(WritePanel, 310, 900)
    qtbot.waitUntil(lambda: panel.begin.style_of_book is not None)
    panel.begin.key.set_value("D")
    panel.temperature.set_value(1.25)
    panel.top_p.set_value(0.9)
    panel.top_k.set_value(12)
    panel.length.set_value(300)
    panel.seed.set_value(77)
    panel.write_button.click()
    prompt = "X:1\nT:\nM:6/8\nL:1/8\nK:D\n"
    assert [wish[:-1] for wish in sent] == [(prompt, 300, 1.25, 12, 0.9, 77)]
    assert sent[0][-1]["ahead"] == 0


def test_another_tune_has_another_seed_unless_something_changed(session, show, sent):
    session.state = "running"
    panel = show(WritePanel, 310, 900)
    panel.seed.set_value(4)
    panel.write_button.click()
    panel.temperature.set_value(0.5)
    panel.write_button.click()
    panel.write_button.click()
    seeds = [wish[-2] for wish in sent]
    assert seeds[:2] == [4, 4]
    assert panel.seed.value() == seeds[2]


def test_dice_draw_another_seed(session, show):
    panel = show(WritePanel, 310, 900)
    seen = set()
    for _ in range(20):
        panel.dice.click()
        seen.add(panel.seed.value())
    assert len(seen) > 5


def test_characters_that_the_model_never_saw_are_refused(session, show, sent):
    session.state = "running"
    panel = show(WritePanel, 310, 900)
    panel.begin.kind._buttons["free"].click()
    panel.begin.free.setPlainText("X:1\nK:€\n")
    assert panel.begin.unknown_symbols() == ("€",)
    assert "€" in panel.begin.unknown.text()
    assert not panel.write_button.isEnabled()
    panel.begin.free.setPlainText("X:1\nK:D\n")
    panel.write_button.click()
    assert sent[0][0] == "X:1\nK:D\n"


def test_before_the_first_run_it_says_what_to_do(session, show, sent):
    session.state = "idle"
    panel = show(WritePanel, 310, 900)
    assert not panel.write_button.isEnabled()
    assert "Press Train" in panel.refusal.text()
    panel.write_another()
    assert sent == []


def test_without_a_device_the_reason_stands_in_place(qtbot, session, listen, show, clock):
    arrive(session, sample())
    panel = show(WritePanel, 310, 900)
    ready(qtbot, listen)
    panel.refresh()
    assert panel.sound.no_sound.isVisible()
    assert "No sound device was found" in panel.sound.no_sound._why.text()
    listen.play()
    clock.now += 1
    assert listen.position_beats == pytest.approx(2.0, abs=1e-3)


def test_tempo_volume_and_instrument_reach_the_sound(qtbot, session, listen, show):
    arrive(session, sample())
    panel = show(WritePanel, 310, 900)
    ready(qtbot, listen)
    panel.sound.tempo.number.value_changed.emit(90)
    assert listen.tempo_bpm == 90
    panel.sound.volume.number.value_changed.emit(25)
    assert listen.volume == 0.25
    panel.sound.instrument.committed.emit("piano")
    assert listen.instrument == "piano"


def test_files_are_saved_and_failures_told_in_place(qtbot, session, listen, show, tmp_path):
    arrive(session, sample())
    panel = show(WritePanel, 310, 900)
    with qtbot.waitSignal(session.notice) as caught:
        panel.saving.save(str(tmp_path / "a.abc"))
    assert caught.args[0].what == "Saved a.abc"
    assert not panel.saving.trouble.isVisible()
    with qtbot.waitSignal(panel.saving.saved):
        panel.saving.save(str(tmp_path / "gone" / "a.mid"))
    assert panel.saving.trouble.isVisible()
    assert panel.saving.trouble._what.text() == "a.mid was not saved"


# Pictures


@pytest.mark.parametrize("mode", ["dark", "light"])
@pytest.mark.parametrize("kind", [PianoRollPanel, WritePanel, TextPanel, MeasuresPanel, AgesPanel])
def test_every_panel_makes_a_picture_without_being_shown(qtbot, session, listen, kind, mode):
    themes().set_mode(mode)
    arrive(session, sample(), sample(step=200))
    panel = kind(session, listen=listen)
    qtbot.addWidget(panel)
    picture = panel.to_image(640, 400)
    assert (picture.width(), picture.height()) == (640, 400)
    seen = {picture.pixel(x, y) for x in range(0, 640, 3) for y in range(40, 400, 3)}
    assert len(seen) > 8
    assert listen._opened is False
