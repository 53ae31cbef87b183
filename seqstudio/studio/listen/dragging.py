"""Files dragged in and takes dragged out."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QEvent, QMimeData, QObject, QPoint, QSize, Qt, QTemporaryDir, QUrl, Slot
from PySide6.QtGui import (
    QContextMenuEvent,
    QDrag,
    QDragEnterEvent,
    QDragMoveEvent,
    QDropEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
)
from PySide6.QtWidgets import QApplication, QMenu, QWidget
from typing_extensions import override

from seqstudio.core.errors import SeqError
from seqstudio.core.files import write_atomic
from seqstudio.music.tune_files import KINDS, file_name, tune_bytes
from seqstudio.studio.listen.imported import SUFFIXES, Opened, open_file
from seqstudio.studio.listen.sound import ListenSession
from seqstudio.studio.listen.take_desk import TakeDesk
from seqstudio.studio.notices import Notice
from seqstudio.studio.theme import follow_theme, icon_pixmap

_SIZE = 26
_ICON = 16


class MusicDrop(QObject):
    """Lets music files be dropped on a widget and everything in it.

    A tune becomes the take that is heard, and goes on the shelf; a book of several becomes the
    data of the project. What is no music is left to the window.

    Args:
        target: Takes the drops.
        listen: The tune of the page.
    """

    def __init__(self, target: QWidget, listen: ListenSession) -> None:
        super().__init__(target)
        self.listen = listen
        target.setAcceptDrops(True)
        target.installEventFilter(self)

    @override
    def eventFilter(self, watched: QObject, event: QEvent, /) -> bool:
        if isinstance(event, (QDragEnterEvent, QDragMoveEvent)):
            return self._judge(event)
        if isinstance(event, QDropEvent):
            paths = self._music(event)
            if not paths:
                return False
            event.setDropAction(Qt.DropAction.CopyAction)
            event.accept()
            self.take(paths[0])
            return True
        return False

    def _judge(self, event: QDragMoveEvent) -> bool:
        if not self._music(event):
            event.ignore()
        else:
            event.setDropAction(Qt.DropAction.CopyAction)
            event.accept()
        return True

    def _music(self, event: QDropEvent) -> list[Path]:
        """Return the one music file of a drag, nothing where there is another number of files."""
        urls = event.mimeData().urls()
        if not self.listen.is_music or len(urls) != 1 or not urls[0].isLocalFile():
            return []
        path = Path(urls[0].toLocalFile())
        return [path] if path.suffix.lower() in SUFFIXES and not path.is_dir() else []

    def take(self, path: Path) -> None:
        """Open a file beside the window; a sentence says what became of it."""
        coding = self.listen.coding
        if coding is None:
            return

        def work() -> Opened | SeqError:
            try:
                return open_file(path, coding)
            except SeqError as error:
                return error

        self.listen.in_background(work, self._opened)

    def _opened(self, opened: Opened | SeqError) -> None:
        session = self.listen.session
        if isinstance(opened, SeqError):
            session.tell(opened)
        elif opened.take is None:
            session.use_file(opened.path)
            what = f"{opened.path.name}: a book of {opened.tunes:,} tunes"
            why = "It is the data of the project from the next run on. Undo takes it back."
            session.notice.emit(Notice(what, why, "", "info"))
        else:
            self.listen.take_up(opened.take)
            TakeDesk.of(self.listen).keep(opened.take, "imported")
            count = len(opened.take.score.notes)
            session.notice.emit(
                Notice(f"Opened {opened.path.name}: {count:,} notes", opened.remark, "", "info")
            )


class DragHandle(QWidget):
    """What a take is dragged out by: as a file, usually MIDI, and as ABC text."""

    def __init__(self, listen: ListenSession, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.listen = listen
        self.suffix = ".mid"
        self._folder: QTemporaryDir | None = None
        self._pressed: QPoint | None = None
        self.setCursor(Qt.CursorShape.OpenHandCursor)
        self.setFixedSize(_SIZE, _SIZE)
        listen.take_changed.connect(self._take_changed)
        self._tell()
        self._take_changed()
        follow_theme(self)

    def _tell(self) -> None:
        name = KINDS[self.suffix].name
        self.setAccessibleName(f"Drag the tune out as {name}")
        self.setToolTip(
            f"Drag this into another program or a folder: the tune as {name}. "
            "Right click for another kind."
        )

    @Slot()
    def _take_changed(self) -> None:
        take = self.listen.take
        self.setEnabled(take is not None and take.done and bool(take.score.notes))

    @Slot()
    def restyle(self) -> None:
        """Take the colours of the theme in force."""
        self.update()

    @override
    def sizeHint(self) -> QSize:
        return QSize(_SIZE, _SIZE)

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        tone = "textMid" if self.isEnabled() else "textDisabled"
        painter = QPainter(self)
        edge = (_SIZE - _ICON) // 2
        painter.drawPixmap(edge, edge, icon_pixmap("midi", _ICON, tone))

    @override
    def mousePressEvent(self, event: QMouseEvent, /) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._pressed = event.position().toPoint()

    @override
    def mouseReleaseEvent(self, event: QMouseEvent, /) -> None:
        self._pressed = None

    @override
    def mouseMoveEvent(self, event: QMouseEvent, /) -> None:
        if self._pressed is None or not event.buttons() & Qt.MouseButton.LeftButton:
            return
        way = (event.position().toPoint() - self._pressed).manhattanLength()
        if way >= QApplication.startDragDistance():
            self._pressed = None
            self._drag()

    def _drag(self) -> None:
        try:
            data = self.mime_data()
        except SeqError as error:
            self.listen.session.tell(error)
            return
        if data is not None:
            drag = QDrag(self)
            drag.setMimeData(data)
            drag.setPixmap(icon_pixmap("midi", 2 * _ICON, "accent"))
            drag.exec(Qt.DropAction.CopyAction)

    def mime_data(self) -> QMimeData | None:
        """Return what is dragged: a file in a temporary folder, and the tune as ABC text.

        The file stays until the program ends: who takes it may read it later.

        Raises:
            SeqError: The kind cannot hold the tune, or the folder cannot be written.
        """
        take = self.listen.take
        if take is None:
            return None
        if self._folder is None:
            self._folder = QTemporaryDir()
        score = take.score.at_tempo(self.listen.tempo_bpm)
        text = take.tune_text.strip()
        path = Path(self._folder.path()) / (file_name(take.title) + self.suffix)
        write_atomic(path, tune_bytes(score, self.suffix, text))
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(path))])
        data.setText(tune_bytes(score, ".abc", text).decode())
        return data

    @override
    def contextMenuEvent(self, event: QContextMenuEvent, /) -> None:
        menu = QMenu(self)
        for suffix, kind in KINDS.items():
            if kind.sounds:
                continue  # made too slowly for a hand that is dragging
            action = menu.addAction(f"Drag as {kind.name}")
            action.setCheckable(True)
            action.setChecked(suffix == self.suffix)
            action.setData(suffix)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.triggered.connect(lambda action: self.set_kind(str(action.data())))
        menu.popup(event.globalPos())

    def set_kind(self, suffix: str) -> None:
        """Drag another kind of file from now on."""
        self.suffix = suffix
        self._tell()
