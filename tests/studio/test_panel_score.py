"""The score panel and files in and out: real widgets under pointer, keys, drags and drops."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from seqstudio.audio.output import RATE, NullOutput
from seqstudio.blocks.templates import make
from seqstudio.core.errors import MusicError
from seqstudio.document.document import Document
from seqstudio.music.abc import read_tune
from seqstudio.music.codings import CODINGS
from seqstudio.music.midi import read_midi, write_midi
from seqstudio.records.readings import Sample, freeze
from seqstudio.runtime.history import RunHistory
from seqstudio.studio.listen import dragging
from seqstudio.studio.listen.dragging import DragHandle, MusicDrop
from seqstudio.studio.listen.imported import holds_music, open_file
from seqstudio.studio.listen.save_menu import Saved, SaveMenu
from seqstudio.studio.listen.score_glyphs import _DIGITS, _SIGNS, glyph
from seqstudio.studio.listen.score_panel import ScorePanel
from seqstudio.studio.listen.score_view import staves_of
from seqstudio.studio.listen.sound import ListenSession
from seqstudio.studio.listen.take_desk import TakeDesk
from seqstudio.studio.session import Session
from seqstudio.studio.theme import themes

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
HEAD = "X:1\nT:Scale\nM:4/4\nL:1/4\nK:D\n"
MUSIC = "DEFG|ABcd|" * 12 + "\n"
LETTERS = "DEFGABcdefga"
BOOK = "".join(
    f"X:{n}\nT:Tune {n}\nM:6/8\nL:1/8\nK:D\n"
    f"|:{LETTERS[n % 12]}2e fed|{LETTERS[n // 12]}2a afe|d2e fed|c2B A3:|\n\n"
    for n in range(1, 61)
)


def sample(text: str = MUSIC, **changes: object) -> Sample:
    chances = freeze(np.full(len(text), 0.5, np.float32))
    values: dict[str, object] = {
        "request": 0, "step": 100, "prompt": HEAD, "text": text, "probability": chances,
        "choices": (), "temperature": 0.8, "seed": 7, "done": True,
    }  # fmt: skip
    return Sample(**{**values, **changes})  # type: ignore[arg-type]


@pytest.fixture
def session(qtbot: QtBot, tmp_path: Path):  # type: ignore[no-untyped-def]
    book = tmp_path / "book.abc"
    book.write_text(BOOK, encoding="utf-8")
    session = Session(Document(make("abc-lstm", str(book))), threads=True)
    session.history = RunHistory("lstm-1")
    session.run_project = session.project
    qtbot.waitUntil(lambda: session.dataset is not None)
    themes().set_mode("dark")
    yield session
    session.begin_close()
    assert session.end_close()


@pytest.fixture
def listen(session: Session):  # type: ignore[no-untyped-def]
    listen = ListenSession(session, lambda: (NullOutput(RATE), "No sound: none here."))
    yield listen
    listen.close()


def arrive(listen: ListenSession, *events: Sample) -> None:
    listen.session.events.emit(listen.session.history.extend(events))


@pytest.fixture
def panel(qtbot: QtBot, listen: ListenSession) -> ScorePanel:
    panel = ScorePanel(listen.session, listen=listen)
    qtbot.addWidget(panel)
    panel.resize(760, 420)
    panel.show()
    arrive(listen, sample())
    panel.refresh()
    return panel


def centre(panel: ScorePanel, note: int) -> QPointF:
    """Pixel of the head of a note that is in sight."""
    assert panel.view.sheet is not None
    (box,) = [b for s in panel.view.sheet.systems for b in s.boxes if b.note == note]
    scroll = panel.view.verticalScrollBar().value()
    space = panel.view.space
    return QPointF((box.x + box.width / 2) * space, (box.y + 0.5) * space - scroll)


def colours(panel: ScorePanel, note: int) -> set[str]:
    image = panel.view.viewport().grab().toImage()
    at = centre(panel, note).toPoint()
    around = range(-3, 4)
    return {image.pixelColor(at.x() + x, at.y() + y).name() for x in around for y in around}


# The score


def test_every_sign_has_a_path_of_its_own_size() -> None:
    names = [*_SIGNS, *(f"digit{n}" for n in range(len(_DIGITS)))]
    names += [f"rest{4 * 2**power}" for power in range(1, 6)]
    for name in names:
        area = glyph(name).boundingRect()
        assert 0.2 < area.width() < 3.2, name
        assert 0.3 < area.height() < 7.5, name
    half, black = glyph("headHalf"), glyph("headBlack")
    assert not half.contains(QPointF(0.59, 0.0))  # the hole
    assert black.contains(QPointF(0.59, 0.0))


def test_a_click_on_a_head_goes_there_and_hover_is_shared(
    qtbot: QtBot, panel: ScorePanel, listen: ListenSession
) -> None:
    notes = panel.view.score.notes
    place = centre(panel, 5)
    QTest.mouseMove(panel.view.viewport(), place.toPoint())
    assert listen.hovered == notes[5]
    QTest.mouseClick(panel.view.viewport(), LEFT, NONE, place.toPoint())
    assert listen.position_beats == pytest.approx(5.0)
    listen.hover(None)
    before = colours(panel, 8)
    listen.hover(notes[8])
    panel.view._hover = None
    around = panel.view.viewport().grab().toImage()
    box = centre(panel, 8).toPoint()
    left = round(0.94 * panel.view.space)
    assert around.pixelColor(box.x() - left, box.y()).lightness() > 100, "an outline"
    assert before == colours(panel, 8)


def test_a_click_beside_notes_seeks_to_that_time(panel: ScorePanel, listen: ListenSession) -> None:
    first, second = centre(panel, 2), centre(panel, 3)
    between = QPoint(round((first.x() + second.x()) / 2), round(first.y()) - 60)
    QTest.mouseClick(panel.view.viewport(), LEFT, NONE, between)
    assert 2.0 < listen.position_beats < 3.0


def test_the_note_that_sounds_is_lit(panel: ScorePanel, listen: ListenSession) -> None:
    before = colours(panel, 6)
    listen.seek(6.5)
    lit = colours(panel, 6)
    assert lit != before
    assert max(QtColour(name) for name in lit) > max(QtColour(name) for name in before)


def QtColour(name: str) -> int:  # noqa: N802
    """Lightness of a colour by name."""
    from PySide6.QtGui import QColor

    return QColor(name).lightness()


def test_the_page_turns_with_the_playhead_only_when_it_follows(panel: ScorePanel) -> None:
    view = panel.view
    bar = view.verticalScrollBar()
    assert view.sheet is not None
    assert bar.maximum() > 0
    view.set_position(90.0, playing=True)
    system = view.sheet.systems[view.sheet.system_of(90.0)]
    assert bar.value() <= system.top * view.space + 1
    assert bar.value() + view.viewport().height() >= system.bottom * view.space - 1
    panel.follow.click()
    view.set_position(0.0, playing=True)
    assert bar.value() > 0
    panel.follow.click()
    view.set_position(0.0, playing=True)
    assert bar.value() == 0


def test_zoom_by_button_key_and_wheel_breaks_lines_anew(panel: ScorePanel) -> None:
    view = panel.view
    assert view.sheet is not None
    lines = len(view.sheet.systems)
    for _ in range(4):
        QTest.mouseClick(panel.larger, LEFT)
    assert view.sheet is not None
    assert len(view.sheet.systems) > lines
    for _ in range(4):
        QTest.keyClick(view, Qt.Key.Key_Minus)
    assert view.space == pytest.approx(8.0)
    assert len(view.sheet.systems) == lines


def test_keys_go_from_bar_to_bar(panel: ScorePanel, listen: ListenSession) -> None:
    for key, beats in ((Qt.Key.Key_Right, 4.0), (Qt.Key.Key_Right, 8.0), (Qt.Key.Key_Left, 4.0),
                       (Qt.Key.Key_End, 92.0), (Qt.Key.Key_Home, 0.0)):  # fmt: skip
        QTest.keyClick(panel.view, key)
        assert listen.position_beats == pytest.approx(beats)


def test_a_tune_that_is_written_grows_and_ends(
    qtbot: QtBot, panel: ScorePanel, listen: ListenSession
) -> None:
    listen.session.state = "running"
    arrive(listen, sample("DE", step=200, done=False, request=3))
    listen.follow(3)
    arrive(listen, sample("DEFG|A", step=200, done=False, request=3))
    qtbot.waitUntil(lambda: len(panel.view.score.notes) == 5)
    arrive(listen, sample("DEFG|AB", step=200, request=3))
    qtbot.waitUntil(lambda: len(panel.view.score.notes) == 6)
    assert listen.take is not None
    assert listen.take.done


def test_the_whole_picture_is_saved_as_drawing_and_as_pixels(
    panel: ScorePanel, tmp_path: Path
) -> None:
    panel.save_as(str(tmp_path / "s.svg"))
    panel.save_as(str(tmp_path / "s.png"))
    svg = (tmp_path / "s.svg").read_text(encoding="utf-8")
    assert svg.count("<path") > 100, "notes are paths, not pixels"
    assert "<image" not in svg
    assert (tmp_path / "s.png").read_bytes().startswith(b"\x89PNG")


def test_drums_and_fifth_voices_are_left_out_and_told() -> None:
    from fractions import Fraction

    from seqstudio.music.score import Note, Score, Track

    notes = tuple(Note(60, Fraction(0), Fraction(1), voice=v) for v in range(6))
    score = Score(notes, tracks=(Track(1, "Kit", drums=True),))
    assert staves_of(score, joined=False) == [[0], [2], [3], [4]]
    assert staves_of(score, joined=True) == [[0, 2], [3, 4]]


# Files in


def mime(path: Path) -> QMimeData:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    return data


def drop(target: QWidget, path: Path) -> bool:
    """Drag a file onto a widget and let go; whether it was taken."""
    data, copy = mime(path), Qt.DropAction.CopyAction
    enter = QDragEnterEvent(QPoint(9, 9), copy, data, LEFT, NONE)
    enter.setAccepted(False)
    QApplication.sendEvent(target, enter)
    if not enter.isAccepted():
        return False
    event = QDropEvent(QPointF(9, 9), copy, data, LEFT, NONE)
    QApplication.sendEvent(target, event)
    return event.isAccepted()


@pytest.fixture
def page(qtbot: QtBot, listen: ListenSession) -> QWidget:
    page = QWidget()
    qtbot.addWidget(page)
    MusicDrop(page, listen)
    return page


@pytest.fixture
def told(listen: ListenSession) -> list[str]:
    heard: list[str] = []
    listen.session.notice.connect(lambda notice: heard.append(f"{notice.what}: {notice.why}"))
    return heard


def test_a_midi_file_becomes_a_take_of_ones_own(
    qtbot: QtBot, page: QWidget, listen: ListenSession, told: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "mine.mid"
    write_midi(read_tune("X:1\nT:Mine\nM:3/4\nL:1/4\nK:G\nGBd|g3|\n").score, path)
    assert drop(page, path)
    qtbot.waitUntil(lambda: listen.take is not None and listen.take.title == "Mine")
    assert listen.take is not None
    assert [note.pitch for note in listen.take.score.notes] == [67, 71, 74, 79]
    assert read_tune(listen.take.text).score.notes, "a text in the coding of the project"
    assert not listen.live
    assert told == ["Opened mine.mid: 4 notes: "]
    assert [each.origin for each in TakeDesk.of(listen).shelf.takes] == ["imported"]


def test_an_abc_tune_is_taken_as_it_is_written(
    qtbot: QtBot, page: QWidget, listen: ListenSession, tmp_path: Path
) -> None:
    path = tmp_path / "one.abc"
    path.write_text(HEAD.replace("Scale", "One") + "% mine\nDEF2|\n", encoding="utf-8")
    assert drop(page, path)
    qtbot.waitUntil(lambda: listen.take is not None and listen.take.title == "One")
    assert listen.take is not None
    assert "% mine" in listen.take.text


def test_a_book_becomes_the_data_and_undo_takes_it_back(
    qtbot: QtBot, page: QWidget, listen: ListenSession, told: list[str], tmp_path: Path
) -> None:
    session, path = listen.session, tmp_path / "other.abc"
    before = session.project.data.path
    path.write_text(BOOK, encoding="utf-8")
    assert drop(page, path)
    qtbot.waitUntil(lambda: session.project.data.path == str(path))
    assert "a book of 60 tunes" in told[-1]
    session.document.undo()
    assert session.project.data.path == before


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.musicxml", b"<score-partwise/>", "MusicXML is written here, not read"),
        ("a.mid", b"RIFFnothing", "no MIDI file"),
        ("a.mid", b"", "empty"),
        ("a.abc", b"\xff\xfe\x00", "a.abc"),
        ("a.abc", b"no tune at all", "a.abc was not opened"),
    ],
)
def test_what_cannot_be_opened_is_refused_with_a_sentence(
    qtbot: QtBot, page: QWidget, listen: ListenSession, told: list[str], tmp_path: Path,
    name: str, content: bytes, reason: str,
) -> None:  # fmt: skip
    take, path = listen.take, tmp_path / name
    path.write_bytes(content)
    assert drop(page, path)
    qtbot.waitUntil(lambda: bool(told))
    assert reason in told[0]
    assert listen.take is take


def test_other_files_are_left_to_the_window(page: QWidget, tmp_path: Path) -> None:
    for name in ("a.txt", "a.seq", "a.png"):
        (tmp_path / name).write_text("x")
        assert not drop(page, tmp_path / name)
    assert not drop(page, tmp_path)


def test_a_take_is_written_in_the_coding_of_the_project(tmp_path: Path) -> None:
    path = tmp_path / "one.abc"
    path.write_text(HEAD + "DEFG|A4|\n", encoding="utf-8")
    for coding in (CODINGS["abc"], CODINGS["events"]):
        take = open_file(path, coding).take
        assert take is not None
        assert [note.pitch for note in take.score.notes] == [62, 64, 66, 67, 69]
        assert take.text.startswith(coding.opening[:4])
        assert [note.pitch for note in coding.read(take.text).score.notes] == [62, 64, 66, 67, 69]
    with pytest.raises(MusicError):
        open_file(tmp_path / "missing.mid", CODINGS["abc"])


def test_folders_are_music_by_what_is_in_them(tmp_path: Path) -> None:
    assert not holds_music(tmp_path)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.MID").write_bytes(b"")
    assert holds_music(tmp_path)
    assert holds_music(Path("b.abc"))
    assert not holds_music(Path("b.txt"))


# Files out


def test_a_take_is_dragged_out_as_a_file_and_as_text(
    qtbot: QtBot, panel: ScorePanel, listen: ListenSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    carried: list[QMimeData] = []

    class Drag:
        def __init__(self, _source: QWidget) -> None: ...
        def setMimeData(self, data: QMimeData) -> None:  # noqa: N802
            carried.append(data)

        def setPixmap(self, _pixmap: object) -> None: ...  # noqa: N802
        def exec(self, action: Qt.DropAction) -> Qt.DropAction:
            return action

    monkeypatch.setattr(dragging, "QDrag", Drag)  # a real one waits for a hand
    (handle,) = panel.header.findChildren(DragHandle)
    press, move = QMouseEvent.Type.MouseButtonPress, QMouseEvent.Type.MouseMove
    for kind, position in ((press, 8), (move, 11), (move, 40)):
        at = QPointF(position, 8)
        event = QMouseEvent(kind, at, handle.mapToGlobal(at), LEFT, LEFT, NONE)
        QApplication.sendEvent(handle, event)
        assert bool(carried) == (position == 40), "only a way as long as a drag starts one"
    (data,) = carried
    path = Path(data.urls()[0].toLocalFile())
    assert path.name == "scale.mid"
    assert len(read_midi(path).notes) == 96
    assert data.text().startswith("X:1\nT:Scale")
    handle.set_kind(".musicxml")
    again = handle.mime_data()
    assert again is not None
    assert again.urls()[0].toLocalFile().endswith("scale.musicxml")
    assert "MusicXML" in handle.toolTip()


def test_one_menu_saves_every_kind(
    qtbot: QtBot, listen: ListenSession, panel: ScorePanel, told: list[str], tmp_path: Path
) -> None:
    menu = SaveMenu(listen)
    qtbot.addWidget(menu)
    assert [action.text().partition(",")[0] for action in menu.menu.actions()] == [
        "MIDI", "ABC", "MusicXML", "WAV", "FLAC",
    ]  # fmt: skip
    arrive(listen, sample("D|\n", step=300))
    assert menu.button.isEnabled()
    for suffix, start in ((".mid", b"MThd"), (".abc", b"X:1"), (".musicxml", b"<?xml"),
                          (".wav", b"RIFF")):  # fmt: skip
        with qtbot.waitSignal(menu.saved) as caught:
            menu.save(str(tmp_path / f"t{suffix}"))
        assert caught.args is not None
        assert caught.args[0] == Saved(tmp_path / f"t{suffix}")
        assert (tmp_path / f"t{suffix}").read_bytes().startswith(start)
    assert told[-1].startswith("Saved t.wav")


def test_a_file_can_be_given_up_and_the_old_one_stays(
    qtbot: QtBot, listen: ListenSession, panel: ScorePanel, tmp_path: Path
) -> None:
    menu = SaveMenu(listen)
    qtbot.addWidget(menu)
    menu.show()
    path = tmp_path / "t.wav"
    path.write_bytes(b"old")
    menu.save(str(path))
    assert not menu.button.isEnabled()
    menu._show_progress()
    assert menu.cancel_button.isVisible()
    QTest.mouseClick(menu.cancel_button, LEFT)
    qtbot.waitUntil(lambda: menu.button.isEnabled())
    assert path.read_bytes() == b"old"
    assert [each.name for each in tmp_path.iterdir() if each.suffix != ".abc"] == ["t.wav"]
    assert not menu.cancel_button.isVisible()


def test_a_folder_that_is_gone_is_told_below_the_button(
    qtbot: QtBot, listen: ListenSession, panel: ScorePanel, tmp_path: Path
) -> None:
    menu = SaveMenu(listen)
    qtbot.addWidget(menu)
    menu.show()
    with qtbot.waitSignal(menu.saved):
        menu.save(str(tmp_path / "gone" / "t.mid"))
    assert menu.trouble.isVisible()
    assert menu.button.isEnabled()
