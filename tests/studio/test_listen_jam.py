"""Playing in turns: what the model is asked after a phrase, and which bars it is answered with."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from seqstudio.audio.output import RATE, NullOutput
from seqstudio.blocks.templates import make
from seqstudio.core.errors import MusicError
from seqstudio.document.document import Document
from seqstudio.music.codings import CODINGS
from seqstudio.music.score import Note, Score
from seqstudio.records.messages import Constraints
from seqstudio.records.readings import Sample, freeze
from seqstudio.runtime.history import RunHistory
from seqstudio.studio.listen.jam_desk import JamDesk
from seqstudio.studio.listen.jam_turns import answer_of, joined, turn_of
from seqstudio.studio.listen.sound import ListenSession
from seqstudio.studio.listen.take_desk import TakeDesk
from seqstudio.studio.listen.wishes import Wish
from seqstudio.studio.session import Session

ABC = CODINGS["abc"]
LINE = (60, 62, 64, 65, 67, 69, 71, 72)
PHRASE = Score(tuple(Note(p, Fraction(n), Fraction(1)) for n, p in enumerate(LINE)), 96.0, (4, 4))
WISH = Wish("", 0, 0.7, seed=3)
LETTERS = "DEFGABcdefga"
BOOK = "".join(
    f"X:{n}\nT:Tune {n}\nM:4/4\nL:1/4\nK:C\n"
    f"{LETTERS[n % 12]}DEF|GABc|{LETTERS[n // 12]}BAG|FEDC|\n\n"
    for n in range(40)
)


def test_the_model_is_asked_for_as_many_bars_in_key_and_metre_of_the_phrase() -> None:
    turn = turn_of(PHRASE, ABC, WISH)
    assert (turn.key, turn.bars) == ("C major", 2)
    assert turn.wish.constraints == Constraints(key="C major", meter="4/4", bars=2)
    assert "K:C" in turn.wish.prompt
    assert turn.wish.prompt.endswith("|")
    assert turn.wish.temperature == 0.7
    assert turn_of(PHRASE, ABC, WISH, guided=False).wish.constraints == Constraints()
    assert turn_of(PHRASE, ABC, WISH, key="G major", bars=1).wish.constraints.bars == 1
    with pytest.raises(MusicError):
        turn_of(Score(), ABC, WISH)


def test_the_answer_is_what_stands_behind_the_phrase_cut_at_its_bars() -> None:
    turn = turn_of(PHRASE, ABC, WISH)
    answer = answer_of(turn, turn.wish.prompt + "c2 B2 A2 G2|F2 E2 D2 C2|C8|\n\n", ABC)
    assert [n.pitch for n in answer.notes] == [72, 71, 69, 67, 65, 64, 62, 60]
    assert answer.notes[0].start == 0
    assert answer.end_beats == 8
    assert answer.tempo_bpm == 96.0
    both = joined(turn, answer)
    assert [n.pitch for n in both.notes] == [*LINE, 72, 71, 69, 67, 65, 64, 62, 60]
    assert not answer_of(turn, turn.wish.prompt, ABC).notes


@pytest.fixture
def listen(qtbot, tmp_path):
    book = tmp_path / "book.abc"
    book.write_text(BOOK, encoding="utf-8")
    session = Session(Document(make("abc-lstm", str(book))), threads=True)
    session.history = RunHistory("lstm-1")
    session.run_project = session.project
    session.state = "running"
    qtbot.waitUntil(lambda: session.dataset is not None)
    clock = [0.0]
    listen = ListenSession(session, lambda: (NullOutput(RATE, lambda: clock[0]), ""))
    listen.clock = clock  # type: ignore[attr-defined]
    yield listen
    listen.close()
    session.begin_close()
    assert session.end_close()


def test_a_phrase_is_handed_over_and_its_answer_is_played_and_kept(listen, monkeypatch) -> None:
    asked = []
    session = listen.session

    def write(*wish, **more):
        asked.append((wish, more))
        return 5

    monkeypatch.setattr(session, "write", write)
    answered = []
    monkeypatch.setattr(listen, "answer_jam", answered.append)
    desk = TakeDesk.of(listen)
    jam = JamDesk(listen, desk)
    jam.guided = True
    before = len(desk.shelf.takes)
    jam.begin(clicks=True)
    assert jam.phase == "yours"
    listen.phrase_heard.emit(PHRASE)
    assert jam.phase == "writing"
    (wish, more) = asked[0]
    assert more["constraints"].bars == 2
    text = "c2 B2 A2 G2|F2 E2 D2 C2|\n"
    sample = Sample(5, 10, wish[0], text, freeze(np.full(len(text), 0.5, np.float32)), (),
                    0.8, 1, True)  # fmt: skip
    session.events.emit(session.history.extend([replace(sample, request=4)]))
    assert not answered
    session.events.emit(session.history.extend([sample]))
    assert [n.pitch for n in answered[0].notes][:2] == [72, 71]
    assert jam.turns[0].begins % 4 == 0
    kept = desk.shelf.takes[-1]
    assert len(desk.shelf.takes) == before + 1
    assert kept.origin == "played"
    assert len(kept.take.score.notes) == 16
    jam.end()
    assert jam.phase == "rest"


def test_an_answer_without_notes_says_so_and_the_clock_goes_on(listen, monkeypatch) -> None:
    monkeypatch.setattr(listen.session, "write", lambda *_wish, **_more: 0)
    jam = JamDesk(listen, TakeDesk.of(listen))
    jam.begin(clicks=False)
    listen.phrase_heard.emit(PHRASE)
    assert "press Train" in jam.trouble
    assert jam.going
    jam.end()
