"""The dialog that fetches public data: the licence first, then the way here; never by itself."""

from __future__ import annotations

import hashlib
import http.server
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from seqstudio.blocks.templates import make
from seqstudio.data import fetching
from seqstudio.document.document import Document
from seqstudio.studio.panels.data.getting import GettingDialog
from seqstudio.studio.session import Session
from seqstudio.studio.statusbar import OFFLINE, StatusBar
from seqstudio.studio.widgets import ElidedLabel

BODY = b"a line of text\n" * 20_000
TITLE = "<img src=file:///etc/hostname>%n\u202etxt"


class Handler(http.server.BaseHTTPRequestHandler):
    asked: list[str] = []  # noqa: RUF012
    gate = threading.Event()

    def do_GET(self) -> None:
        self.asked.append(self.path)
        told = self.headers.get("Range", "bytes=0-")
        begin = int(told.removeprefix("bytes=").rstrip("-"))
        self.send_response(206 if begin else 200)
        self.send_header("Content-Length", str(len(BODY) - begin))
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{len(BODY) - 1}/{len(BODY)}")
        self.end_headers()
        half = len(BODY) // 2
        self.wfile.write(BODY[begin:half])
        self.wfile.flush()
        self.gate.wait(10)
        self.wfile.write(BODY[max(begin, half) :])

    def log_message(self, *_words: object) -> None:
        return


@pytest.fixture
def root() -> Iterator[str]:
    Handler.asked.clear()
    Handler.gate.clear()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    Handler.gate.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def dialog(qtbot, root: str, tmp_path: Path) -> Iterator[Callable[[], GettingDialog]]:
    own = tmp_path / "mine.json"
    words = dict.fromkeys(("about", "template", "licence", "citation"), "free for all")
    urls = dict.fromkeys(("home", "licence_url"), "https://example.org/licence")
    digest = hashlib.sha256(BODY).hexdigest()
    file = {"name": "a.txt", "url": f"{root}/a", "size": len(BODY), "sha256": digest}
    entry = {"id": "mine", "title": TITLE, "kind": "text", **words, **urls, "files": [file]}
    own.write_text(json.dumps({"datasets": [entry]}))
    made: list[GettingDialog] = []

    def build() -> GettingDialog:
        shown = GettingDialog(home=tmp_path / "data", own=own)
        qtbot.addWidget(shown)
        shown.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
        shown.show()
        shown.choose("mine")
        made.append(shown)
        return shown

    yield build
    Handler.gate.set()
    for each in made:
        each.reject()


def press(button) -> None:
    assert button.isVisible()
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def test_pause_go_on_and_use(qtbot, dialog, tmp_path: Path) -> None:
    shown = dialog()
    told: list[str] = []
    used: list[str] = []
    shown.fetching.connect(told.append)
    shown.use_wanted.connect(used.append)
    assert "free for all" in shown._licence.text()
    assert "https://example.org/licence" in shown._licence.text()
    assert not Handler.asked, "nothing is fetched by itself"
    press(shown.get)
    qtbot.waitUntil(lambda: shown._transfer.progress.done == len(BODY) // 2)
    qtbot.waitUntil(lambda: shown._bar.value() > 4000)
    assert "127.0.0.1" in told[0]
    press(shown.pause)
    Handler.gate.set()
    qtbot.waitUntil(lambda: not shown.busy)
    assert told[-1] == ""
    assert shown.get.text() == "Go on"
    press(shown.get)
    qtbot.waitUntil(lambda: not shown.busy)
    assert shown.use.isVisible()
    assert "SHA-256 was right" in shown._state.text()
    press(shown.use)
    assert used == [str(tmp_path / "data" / "mine" / "a.txt")]
    assert Path(used[0]).read_bytes() == BODY


def test_cancelling_leaves_nothing(qtbot, dialog, tmp_path: Path) -> None:
    shown = dialog()
    press(shown.get)
    qtbot.waitUntil(lambda: shown._transfer.progress.done == len(BODY) // 2)
    press(shown.cancel)
    Handler.gate.set()
    qtbot.waitUntil(lambda: not shown.busy)
    assert list((tmp_path / "data" / "mine").iterdir()) == []
    assert shown.get.text() == "Get"


def test_a_failure_is_said_and_can_be_tried_again(
    qtbot, dialog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "TIMEOUT_S", 0.2)
    shown = dialog()
    press(shown.get)
    qtbot.waitUntil(lambda: not shown.busy)
    assert "does not answer" in shown._state.text()
    Handler.gate.set()
    press(shown.get)
    qtbot.waitUntil(lambda: shown.use.isVisible())


def test_titles_from_strangers_are_plain(qtbot, dialog) -> None:
    shown = dialog()
    assert shown._title.textFormat() == Qt.TextFormat.PlainText
    assert "<img src=file:///etc/hostname>%n⟨U+202E⟩txt" in shown._title.text()
    assert shown.sets.rows_shown()[-1][0] == "<img src=file:///etc/hostname>%n⟨U+202E⟩txt"
    label = ElidedLabel("<img src=file:///etc/hostname> " * 9)
    qtbot.addWidget(label)
    label.resize(90, 20)
    label.grab()
    assert "<img" not in label.toolTip()
    assert "&lt;img" in label.toolTip()


def test_the_status_line_names_what_is_fetched(qtbot) -> None:
    session = Session(Document(make("hello-rnn")), threads=True)
    bar = StatusBar(session)
    qtbot.addWidget(bar)
    assert bar._right.text() == OFFLINE
    bar.show_network("Fetching a set from example.org")
    assert "example.org" in bar._right.text()
    bar.show_network("")
    assert bar._right.text() == OFFLINE
    session.begin_close()
    assert session.end_close(30)
