"""The Code panel: lines and blocks select each other, search, big graphs beside the window."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication, QTextCursor
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from seqstudio.blocks.templates import make
from seqstudio.document.document import Document
from seqstudio.studio.exchange import AskToRun
from seqstudio.studio.panels import code as code_panel
from seqstudio.studio.panels.code import CodePanel
from seqstudio.studio.session import Session
from seqstudio.studio.theme import theme, themes
from seqstudio.studio.widgets import Label
from seqstudio.studio.window import MainWindow

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def panel(viewing: Callable[..., Any], shown: Callable[..., Any]) -> CodePanel:
    made: CodePanel = shown(CodePanel(viewing("char-lstm", run=False)))
    return made


def marked(panel: CodePanel) -> list[str]:
    selections = panel.source.extraSelections()
    return [selection.cursor.block().text() for selection in selections]


def place_of(panel: CodePanel, words: str) -> QPoint:
    """Return the point of the first line with these words, brought into view."""
    number = next(n for n, line in enumerate(panel._code.text.split("\n"), 1) if words in line)
    panel.source.go_to(number)
    cursor = QTextCursor(panel.source.document().findBlockByNumber(number - 1))
    return panel.source.cursorRect(cursor).center() + QPoint(8, 0)


def click(panel: CodePanel, words: str) -> None:
    place = place_of(panel, words)
    QTest.mouseClick(panel.source.viewport(), LEFT, pos=place)


def test_a_selected_block_marks_its_lines(panel: CodePanel) -> None:
    panel.select(("lstm",))
    assert any("self.lstm = LSTM(" in line for line in marked(panel))
    assert any("self.lstm(embedding" in line for line in marked(panel))
    panel.select(())
    assert marked(panel) == []


def test_inside_of_a_layer_the_lines_of_the_layer_are_marked(panel: CodePanel) -> None:
    panel.select(("gate",), ("lstm",))
    assert any("self.lstm = LSTM(" in line for line in marked(panel))


def test_a_click_on_a_line_asks_for_its_block(panel: CodePanel, qtbot: QtBot) -> None:
    with qtbot.waitSignal(panel.block_wanted) as caught:
        click(panel, "dropout = self.dropout(lstm)")
    assert caught.args == [("dropout",)]
    assert any("self.dropout = nn.Dropout" in line for line in marked(panel))


def test_the_search_counts_marks_and_goes_on(panel: CodePanel, qtbot: QtBot) -> None:
    wanted = panel.source.toPlainText().lower().count("next_token")
    qtbot.keyClicks(panel.search, "NEXT_token")
    assert panel._count.text() == f"{wanted} found"
    assert len(panel.source.extraSelections()) == wanted
    qtbot.keyClick(panel.search, Qt.Key.Key_Return)
    first = panel.source.textCursor().position()
    qtbot.keyClick(panel.search, Qt.Key.Key_Return)
    assert panel.source.textCursor().position() > first
    panel.search.setText("no such thing")
    assert panel._count.text() == "not found"


def test_copy_and_save_give_the_whole_file(panel: CodePanel, tmp_path: Path) -> None:
    panel._copy_source()
    assert QGuiApplication.clipboard().text() == panel._code.text
    panel.write_source(str(tmp_path / "model.py"))
    assert (tmp_path / "model.py").read_text("utf-8") == panel._code.text


def test_large_models_are_written_beside_the_window(
    panel: CodePanel, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(code_panel, "MANY", 2)
    before = panel._code
    panel.refresh()
    assert panel._code is before  # not yet
    qtbot.waitUntil(lambda: panel._code is not before)
    assert panel._code.text == before.text


def test_the_colours_follow_the_theme(panel: CodePanel) -> None:
    try:
        for mode in ("dark", "light"):
            themes().set_mode(mode)
            themes().apply()
            block = panel.source.document().begin()
            while "import torch" not in block.text():
                block = block.next()
            tones = {f.format.foreground().color().name() for f in block.layout().formats()}
            assert theme().role_text("gradient").name() in tones
    finally:
        themes().set_mode("dark")


@pytest.fixture
def window(qtbot: QtBot) -> Any:
    made = MainWindow(Session(Document(make("reverse-attention")), threads=True))
    with qtbot.waitExposed(made):
        made.show()
    qtbot.waitUntil(lambda: made.session.facts is not None)
    yield made
    made.begin_close()  # not by qtbot: it would ask whether to save
    qtbot.waitUntil(lambda: not made.isVisible())
    made.deleteLater()


def test_a_line_of_an_inner_block_enters_the_blocks_around_it(
    window: MainWindow, qtbot: QtBot
) -> None:
    build = window.build
    build.deck.choose("Code")
    qtbot.waitUntil(lambda: build.code._code is not None)
    click(build.code, "attend = self.attend(")
    assert build.canvas.editor.place.path == ("decoder",)
    assert build.canvas.selection == ("attend",)
    click(build.code, "self.next_token = NextToken(")
    assert build.canvas.editor.place.path == ()
    assert build.canvas.selection == ("next_token",)
    build.canvas.select(("decoder",))
    assert any("self.decoder = Decoder()" in line for line in marked(build.code))


def test_a_stranger_s_file_is_run_only_after_a_question(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    path = tmp_path / "net.py"
    path.write_text("open('was-run', 'w')\n", encoding="utf-8")
    window.exchange.take(str(path))
    (ask,) = window.findChildren(AskToRun)
    assert "net.py was not written by SeqStudio" in ask.findChildren(Label)[0].text()
    qtbot.keyClick(ask, Qt.Key.Key_Escape)
    assert not window.exchange.at_work
    assert not ask.isVisible()


def test_what_seqstudio_exported_opens_at_once(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    build = window.build
    build.deck.choose("Code")
    qtbot.waitUntil(lambda: build.code._code is not None)
    build.code.write_source(str(tmp_path / "model.py"))
    first = window.session.project.graph
    window.exchange.take(str(tmp_path / "model.py"))
    assert window.exchange.at_work
    qtbot.waitUntil(lambda: not window.exchange.at_work, timeout=60_000)
    assert window.session.project.graph is not first
    assert set(window.session.project.graph.blocks) == set(first.blocks)
