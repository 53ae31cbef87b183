"""The window around the panels: pages, gallery, status, settings, what can be dropped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QByteArray, QMimeData, QPoint, QPointF, QSettings, Qt, QUrl
from PySide6.QtGui import QAction, QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDockWidget, QMessageBox

from seqstudio.blocks.templates import TEMPLATES, make
from seqstudio.document.edits import Disconnect, SetParam
from seqstudio.document.graph import Wire
from seqstudio.studio.app import open_window
from seqstudio.studio.session import Notice
from seqstudio.studio.theme import themes
from seqstudio.studio.window import MainWindow

LEFT = Qt.MouseButton.LeftButton
CONTROL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def settings(tmp_path: Path) -> QSettings:
    return QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat)


@pytest.fixture
def open_one(qtbot, settings: QSettings) -> Iterator[Callable[..., MainWindow]]:
    opened: list[MainWindow] = []

    def build(path: Path | None = None, *, show: bool = True) -> MainWindow:
        window = open_window(path, settings=settings, threads=True)
        opened.append(window)
        window.session.new(make("hello-rnn"))
        if show:
            with qtbot.waitExposed(window):
                window.show()
        qtbot.waitUntil(lambda: window.session._loading is None)
        return window

    yield build
    for window in opened:
        window.begin_close()
        qtbot.waitUntil(lambda: not window.isVisible())  # noqa: B023
        window.deleteLater()


@pytest.fixture
def window(open_one: Callable[..., MainWindow]) -> MainWindow:
    return open_one()


def action(window: MainWindow, words: str) -> QAction:
    (found,) = [each for each in window.menus.findChildren(QAction) if each.text() == words]
    return found


def test_every_page_comes_by_key_menu_and_switch(window: MainWindow) -> None:
    keys = list(window.pages)
    for number, key in enumerate(keys, 1):
        QTest.keyClick(window, Qt.Key(Qt.Key.Key_0.value + number), CONTROL)
        assert window.page == key
        assert window.pages[key].isVisible()
        assert window.switch.value() == key
    for key, title in window.titles().items():
        action(window, title).trigger()
        assert window.page == key
    window.switch.value_changed.emit(keys[1])
    assert window.page == keys[1]


def test_a_page_of_no_such_name_is_ignored(window: MainWindow) -> None:
    window.show_page("kitchen")
    assert window.page == "build"


def test_the_first_start_shows_the_gallery_and_later_ones_do_not(
    open_one: Callable[..., MainWindow], settings: QSettings
) -> None:
    first = open_window(None, settings=settings, threads=True)
    assert not first.build.start_dock.isHidden()
    assert first.build.inspector_dock.isHidden()
    settings.setValue("recent", ["/somewhere/gone.seq"])
    second = open_one(show=False)
    assert second.build.start_dock.isHidden()
    assert not second.build.inspector_dock.isHidden()
    first.begin_close()
    first.session.end_close()
    first.learn.close_workers()
    first.listen.listen.close()
    first.deleteLater()


def test_a_card_starts_a_project(qtbot, window: MainWindow) -> None:
    window.show_gallery()
    cards = window.build.gallery._cards
    assert list(cards) == list(TEMPLATES)
    card = cards["adding-lstm"]
    QTest.mouseClick(card, LEFT, pos=QPoint(20, 20))
    assert window.session.project.template == "adding-lstm"
    assert card._current
    cards["char-gru"].setFocus()
    QTest.keyClick(cards["char-gru"], Qt.Key.Key_Return)
    assert window.session.project.template == "char-gru"
    assert not card._current
    assert window.session.document.undo_label == "", "another project has a history of its own"


def drag(window: MainWindow, *paths: str) -> bool:
    data = QMimeData()
    data.setUrls([QUrl(path) for path in paths])
    event = QDragEnterEvent(
        QPoint(5, 5), Qt.DropAction.CopyAction, data, LEFT, Qt.KeyboardModifier.NoModifier
    )
    event.setAccepted(False)
    window.dragEnterEvent(event)
    return event.isAccepted()


def test_one_local_file_can_be_dropped_and_nothing_else(window: MainWindow) -> None:
    assert drag(window, "file:///tmp/a.txt")
    assert not drag(window)
    assert not drag(window, "file:///tmp/a.txt", "file:///tmp/b.txt")
    assert not drag(window, "https://example.org/a.txt")


def test_a_file_dropped_on_the_gallery_is_opened_by_the_window(
    window: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(window, "open_any", opened.append)
    data = QMimeData()
    data.setUrls([QUrl("file:///tmp/a.txt")])
    copy, plain = Qt.DropAction.CopyAction, Qt.KeyboardModifier.NoModifier
    gallery = window.build.gallery
    QApplication.sendEvent(gallery, QDragEnterEvent(QPoint(5, 5), copy, data, LEFT, plain))
    QApplication.sendEvent(gallery, QDropEvent(QPointF(5, 5), copy, data, LEFT, plain))
    assert opened == ["/tmp/a.txt"]


def test_the_title_says_name_and_change(window: MainWindow, tmp_path: Path) -> None:
    assert window.windowTitle() == "untitled[*] – SeqStudio"
    window.save_to(tmp_path / "mine.seq")
    assert window.windowTitle() == "mine.seq[*] – SeqStudio"
    assert not window.isWindowModified()
    window.session.document.apply(SetParam("rnn", "hidden", 5))
    assert window.isWindowModified()
    window.session.document.undo()
    assert not window.isWindowModified()


def test_undo_names_what_it_takes_back(window: MainWindow) -> None:
    window.session.document.apply(SetParam("rnn", "hidden", 5, "Change hidden units"))
    action(window, "Undo Change hidden units").trigger()
    assert window.session.project.graph.blocks["rnn"].params["hidden"] == 3
    assert not window.menus.act("edit.undo").isEnabled()
    action(window, "Redo Change hidden units").trigger()
    assert window.session.project.graph.blocks["rnn"].params["hidden"] == 5


def test_a_problem_is_shown_and_a_click_goes_there(window: MainWindow) -> None:
    window.show_page("train")
    window.session.document.apply(Disconnect(Wire("one_hot", "out", "rnn", "in")))
    words = window.status._left.text()
    assert "RNN has nothing at its input" in words
    QTest.mouseClick(window.status, LEFT, pos=QPoint(40, 8))
    assert window.page == "build"
    assert window.build.canvas.selection == ("rnn",)
    window.session.document.undo()
    assert window.status._left.text().startswith("No problems")


def test_a_passing_word_passes_and_the_problem_comes_back(window: MainWindow) -> None:
    window.session.document.apply(Disconnect(Wire("one_hot", "out", "rnn", "in")))
    window.status.say("LSTM added")
    assert window.status._left.text() == "LSTM added"
    window.status._said.timeout.emit()
    assert "RNN has nothing" in window.status._left.text()


def test_notices_go_to_their_place(window: MainWindow) -> None:
    window.show_notice("no notice")
    assert window.error_text == ""
    window.show_notice(Notice("Only to know", "", "", "info"))
    assert window.error_text == ""
    assert len(window.toasts.toasts()) == 1
    window.show_notice(Notice("It broke", "why", "do this", "error", "trace"))
    assert window.error_text == "It broke"
    window.session.view.become("running")
    assert window.error_text == "", "training again means it was dealt with"


def test_markup_in_names_is_shown_as_it_is(window: MainWindow, tmp_path: Path) -> None:
    name = "<img src=file:nothing.png>%n"
    window.show_notice(Notice(name, name, name, "error"))
    assert window.banner._what.text() == name
    assert window.banner._what.textFormat() == Qt.TextFormat.PlainText
    path = tmp_path / "<b>bold<.seq"
    assert window.save_to(path)
    assert path.name in window.windowTitle()


def test_the_arrangement_comes_back_and_can_be_reset(
    open_one: Callable[..., MainWindow], qtbot, settings: QSettings
) -> None:
    first = open_one()
    first.show_page("train")
    qtbot.waitUntil(lambda: first.pages["train"]._first is not None)
    docks = {dock.objectName(): dock for dock in first.pages["train"].findChildren(QDockWidget)}
    moved = next(iter(docks.values()))
    before = first.pages["train"].dockWidgetArea(moved)
    other = (
        Qt.DockWidgetArea.RightDockWidgetArea
        if before != Qt.DockWidgetArea.RightDockWidgetArea
        else Qt.DockWidgetArea.LeftDockWidgetArea
    )
    first.pages["train"].addDockWidget(other, moved)
    first.resize(1300, 800)
    first.close()
    qtbot.waitUntil(lambda: not first.isVisible())
    second = open_one()
    page = second.pages["train"]
    again = next(d for d in page.findChildren(QDockWidget) if d.objectName() == moved.objectName())
    assert page.dockWidgetArea(again) == other


@pytest.mark.parametrize("junk", [b"", b"\0\1\2", b"not a state" * 50])
def test_damaged_settings_do_not_matter(
    open_one: Callable[..., MainWindow], settings: QSettings, junk: bytes
) -> None:
    for key in ("geometry", "page/build", "page/train", "page/listen"):
        settings.setValue(key, QByteArray(junk))
    settings.setValue("theme", "purple")
    settings.setValue("safe", "perhaps")
    settings.setValue("recent", [7, "", "/gone.seq", "\0"])
    window = open_one()
    assert window.isVisible()
    assert window.recent_names() == []
    assert window.page == "build"


def test_colours_change_at_once_and_are_remembered(
    window: MainWindow, settings: QSettings
) -> None:
    try:
        action(window, "Light colours").trigger()
        assert themes().mode == "light"
        assert settings.value("theme") == "light"
        action(window, "Dark colours").trigger()
        assert themes().mode == "dark"
        safe = action(window, "Colour-blind safe colours")
        safe.setChecked(not safe.isChecked())
        assert str(settings.value("safe")).lower() == str(safe.isChecked()).lower()
    finally:
        themes().set_safe_colours(False)
        themes().set_mode("dark")


def test_about_says_what_it_is(window: MainWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(QMessageBox, "about", lambda _parent, _title, text: said.append(text))
    action(window, "About SeqStudio").trigger()
    assert "Offline" in said[0]


def test_all_pages_draw_in_both_themes_and_three_sizes(qtbot, window: MainWindow) -> None:
    try:
        for mode in ("light", "dark"):
            themes().set_mode(mode)
            for key in window.pages:
                window.show_page(key)
                for width, height in ((1024, 680), (1440, 900), (1920, 1080)):
                    window.resize(width, height)
                    QApplication.processEvents()
                    picture = window.grab().toImage()
                    colours = {
                        picture.pixel(x * picture.width() // 40, y * picture.height() // 40)
                        for x in range(40)
                        for y in range(40)
                    }
                    assert len(colours) > 5, (mode, key, width)
    finally:
        themes().set_mode("dark")


def test_the_clocks_and_the_transport_are_on_every_page(window: MainWindow) -> None:
    for key in window.pages:
        window.show_page(key)
        QApplication.processEvents()
        for widget in (window.transport, window.clocks, window.status):
            assert widget.isVisible()
            corner = widget.mapTo(window, QPointF(0, 0)).toPoint()
            assert window.rect().contains(corner)
