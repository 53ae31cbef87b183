"""Music dropped on the window, on any page: a file or folder becomes the data of the project."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, QSettings, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from seqstudio.blocks.templates import make
from seqstudio.music.abc import read_tune
from seqstudio.music.midi import write_midi
from seqstudio.studio.app import open_window
from seqstudio.studio.window import MainWindow

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
TUNE = "X:1\nT:One\nM:4/4\nL:1/4\nK:C\n" + "CDEF|GABc|" * 4 + "\n"


@pytest.fixture
def window(qtbot: QtBot, tmp_path: Path):  # type: ignore[no-untyped-def]
    settings = QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat)
    window = open_window(None, settings=settings, threads=True)
    window.session.new(make("abc-lstm"))
    with qtbot.waitExposed(window):
        window.show()
    qtbot.waitUntil(lambda: window.session._loading is None)
    yield window
    window.begin_close()
    qtbot.waitUntil(lambda: not window.isVisible())
    window.deleteLater()


def drop(target: QWidget, path: Path) -> None:
    """Send what a hand sends; Qt gives it to the first widget above that takes it."""
    data, copy = QMimeData(), Qt.DropAction.CopyAction
    data.setUrls([QUrl.fromLocalFile(str(path))])
    widget: QWidget | None = target
    while widget is not None:
        enter = QDragEnterEvent(QPoint(5, 5), copy, data, LEFT, NONE)
        enter.setAccepted(False)
        if widget.acceptDrops() and QApplication.sendEvent(widget, enter) and enter.isAccepted():
            QApplication.sendEvent(widget, QDropEvent(QPointF(5, 5), copy, data, LEFT, NONE))
            return
        widget = widget.parentWidget()
    pytest.fail("nobody took it")


def test_a_folder_and_a_file_become_data_and_undo_takes_them_back(
    window: MainWindow, tmp_path: Path
) -> None:
    session, folder = window.session, tmp_path / "tunes"
    folder.mkdir()
    (folder / "one.abc").write_text(TUNE, encoding="utf-8")
    before = session.project.data.path
    window.show_page("train")
    drop(window.pages["train"], folder)
    assert session.project.data.path == str(folder)
    midi = tmp_path / "one.mid"
    write_midi(read_tune(TUNE).score, midi)
    drop(window.pages["train"], midi)
    assert session.project.data.path == str(midi)
    session.document.undo()
    session.document.undo()
    assert session.project.data.path == before
    assert session.project.template == "abc-lstm"


def test_the_listen_page_takes_tunes_and_leaves_folders_to_the_window(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    page = window.pages["listen"]
    window.show_page("listen")
    before = window.session.project.data.path
    midi = tmp_path / "one.mid"
    write_midi(read_tune(TUNE).score, midi)
    drop(page.roll.roll.viewport(), midi)
    qtbot.waitUntil(lambda: page.listen.take is not None and page.listen.take.title == "One")
    assert window.session.project.data.path == before
    folder = tmp_path / "tunes"
    folder.mkdir()
    (folder / "one.abc").write_text(TUNE, encoding="utf-8")
    drop(page.roll.roll.viewport(), folder)
    assert window.session.project.data.path == str(folder)
