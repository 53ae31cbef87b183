"""`SaveMenu`: one button that saves the tune as any kind of file, with progress and cancel."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PySide6.QtCore import QPoint, Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QMenu, QVBoxLayout, QWidget

from seqstudio.core.errors import SeqError
from seqstudio.core.files import write_atomic
from seqstudio.music.tune_files import KINDS, CancelledError, file_name, tune_bytes
from seqstudio.studio.listen.dragging import DragHandle
from seqstudio.studio.listen.sound import ListenSession
from seqstudio.studio.widgets import Button, IconButton, InlineError, Label, ProgressBar

_PACE_MS = 60


@dataclass(frozen=True)
class Saved:
    """What became of a file: its path, and the error where there is one."""

    path: Path
    error: SeqError | None = None


class Saving:
    """A file that is being made: how far it is, and whether it is still wanted."""

    def __init__(self) -> None:
        self.share = 0.0
        self.unwanted = False

    def progress(self, share: float) -> None:
        """Take note of the share; raise where the file is not wanted any more."""
        if self.unwanted:
            raise CancelledError
        self.share = share


class SaveMenu(QWidget):
    """A Save button with a menu of kinds; below it progress, or what went wrong.

    Signals:
        saved(object): `Saved`, also when it failed; never for a file that was cancelled.
    """

    saved = Signal(object)

    def __init__(self, listen: ListenSession, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.listen = listen
        self.button = Button("Save the tune", icon="export")
        self.menu = QMenu(self)
        self.bar = ProgressBar(name="Sound that is made")
        self.words = Label("", "small", "textMid")
        self.cancel_button = IconButton("close", "Do not save")
        self.trouble = InlineError()
        self._saving: Saving | None = None
        self._pace = QTimer(self, interval=_PACE_MS)
        self._pace.timeout.connect(self._show_progress)
        self._fill_menu()
        self._lay_out()
        self.button.clicked.connect(self.open_menu)
        self.cancel_button.clicked.connect(self.cancel)
        listen.take_changed.connect(self._take_changed)
        self._take_changed()

    def _fill_menu(self) -> None:
        for suffix, kind in KINDS.items():
            action = self.menu.addAction(f"{kind.name}, {kind.use}")
            action.triggered.connect(partial(self.ask_file, suffix))
        self.button.setToolTip("MIDI, ABC, MusicXML, WAV or FLAC")

    def _lay_out(self) -> None:
        self._progress = QWidget()
        line = QHBoxLayout(self._progress)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(8)
        line.addWidget(self.words)
        line.addWidget(self.bar, 1)
        line.addWidget(self.cancel_button)
        first = QHBoxLayout()
        first.setSpacing(4)
        first.addWidget(self.button, 1)
        first.addWidget(DragHandle(self.listen))
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(6)
        rows.addLayout(first)
        rows.addWidget(self._progress)
        rows.addWidget(self.trouble)
        self._progress.hide()
        self.trouble.hide()

    @Slot()
    def _take_changed(self) -> None:
        take = self.listen.take
        ready = take is not None and take.done and bool(take.score.notes)
        self.button.setEnabled(ready and self._saving is None)

    @Slot()
    def open_menu(self) -> None:
        """Show the kinds under the button."""
        self.menu.popup(self.button.mapToGlobal(QPoint(0, self.button.height())))

    def ask_file(self, suffix: str) -> None:
        """Ask for a name and save a kind of file."""
        take = self.listen.take
        if take is None:
            return
        kind = KINDS[suffix]
        name = file_name(take.title) + suffix
        dialog = QFileDialog(self, f"Save {kind.name}", name, kind.filter)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix(suffix[1:])
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self.save)
        dialog.open()

    @Slot(str)
    def save(self, name: str) -> None:
        """Write the tune as heard, at the tempo that is set; the ending says as what."""
        take, path = self.listen.take, Path(name)
        if take is None or self._saving is not None:
            return
        self.trouble.hide()
        saving = self._saving = Saving()
        score, players = take.score.at_tempo(self.listen.tempo_bpm), self.listen.parts
        text, font = take.tune_text.strip(), self.listen.font

        def work() -> Saved | None:
            try:
                data = tune_bytes(score, path.suffix.lower(), text, players=players,
                                  font=font, progress=saving.progress)  # fmt: skip
                saving.progress(1.0)
                write_atomic(path, data)
            except CancelledError:
                return None
            except SeqError as error:
                return Saved(path, error)
            return Saved(path)

        self.words.setText(f"Saving {path.name}")
        self._pace.start()
        self.listen.in_background(work, self._finish)
        self._take_changed()

    @Slot()
    def cancel(self) -> None:
        """Give the file up; an old one of that name stays."""
        if self._saving is not None:
            self._saving.unwanted = True
            self.words.setText("Stopping")

    @Slot()
    def _show_progress(self) -> None:
        """Show how far it is; what is done at once shows nothing."""
        if self._saving is not None:
            self.bar.set_fraction(self._saving.share)
            self._progress.show()

    def _finish(self, saved: Saved | None) -> None:
        self._saving = None
        self._pace.stop()
        self._progress.hide()
        self._take_changed()
        if saved is None:
            return
        if saved.error is not None:
            self.trouble.set_error(saved.error)
            self.trouble.show()
        else:
            from seqstudio.studio.session import Notice

            self.listen.session.notice.emit(Notice(f"Saved {saved.path.name}", "", "", "success"))
        self.saved.emit(saved)
