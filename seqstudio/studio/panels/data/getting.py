"""`GettingDialog`: public data sets by name, fetched when the person says so and not before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QHBoxLayout, QVBoxLayout, QWidget
from typing_extensions import override

from seqstudio.core.errors import SeqError
from seqstudio.core.showing import shown, size_words
from seqstudio.data.catalogue import Entry, catalogue, data_home
from seqstudio.data.fetching import discard, is_here, part_size, place_of
from seqstudio.studio.panels.data.rows import RowsView
from seqstudio.studio.panels.data.transfer import Transfer
from seqstudio.studio.widgets import Button, Label, ProgressBar

if TYPE_CHECKING:
    from pathlib import Path

    from PySide6.QtGui import QCloseEvent

POLL_MS = 80
_PROMISE = (
    "Nothing is fetched before you press Get. Then one request goes to the place named below; "
    "nothing of yours is sent."
)


class GettingDialog(QDialog):
    """The sets, the licence of the chosen one, and its way here.

    Signals:
        use_wanted(str): path of a set that is here.
        fetching(str): what is being fetched and from where; "" when nothing is.
    """

    use_wanted = Signal(str)
    fetching = Signal(str)

    def __init__(
        self,
        parent: QWidget | None = None,
        *,
        home: Path | None = None,
        own: Path | None = None,
    ) -> None:
        """Show the list.

        Args:
            parent: Window that it belongs to.
            home: Folder of fetched data; None is the person's.
            own: A list of sets of the person's own; None looks in the folder of fetched data.
        """
        super().__init__(parent)
        self._home = home or data_home()
        self._entries: list[Entry] = []
        self._transfer: Transfer | None = None
        self._discarded: Transfer | None = None
        self._error: SeqError | None = None
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Get data")
        self.sets = RowsView("Data sets")
        self._title = Label("", "panelTitle", "textHi", wrap=True)
        self._about = Label("", "body", "textMid", wrap=True)
        self._licence = Label("", "body", "textHi", wrap=True)
        self._origin = Label("", "small", "textMid", wrap=True)
        self._bar = ProgressBar(name="Transfer")
        self._state = Label("", "small", "textMid", wrap=True)
        self.get = Button("Get", kind="primary", icon="import")
        self.pause = Button("Pause", icon="pause")
        self.cancel = Button("Cancel transfer")
        self.use = Button("Use", kind="primary", icon="check")
        self._lay_out()
        self._connect()
        self._timer = QTimer(self, interval=POLL_MS)
        self._timer.timeout.connect(self._poll)
        self._read(own)

    def _lay_out(self) -> None:
        rows = QVBoxLayout(self)
        rows.setContentsMargins(20, 18, 20, 16)
        rows.setSpacing(8)
        rows.addWidget(Label(_PROMISE, "small", "textMid", wrap=True))
        rows.addWidget(self.sets, 1)
        for label in (self._title, self._about, self._licence, self._origin):
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            rows.addWidget(label)
        rows.addWidget(self._bar)
        rows.addWidget(self._state)
        line = QHBoxLayout()
        for button in (self.get, self.pause, self.cancel, self.use):
            line.addWidget(button)
        line.addStretch(1)
        close = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        close.rejected.connect(self.reject)
        line.addWidget(close)
        rows.addLayout(line)
        self.setMinimumSize(640, 560)

    def _connect(self) -> None:
        self.get.clicked.connect(self._get)
        self.pause.clicked.connect(self._pause)
        self.cancel.clicked.connect(self._cancel)
        self.use.clicked.connect(self._use)
        self.sets.selectionModel().currentRowChanged.connect(self._chosen)
        self.finished.connect(self._leave)

    def _read(self, own: Path | None) -> None:
        try:
            self._entries = list(catalogue(own).values())
        except SeqError as error:
            self._entries = list(catalogue(shipped_only=True).values())
            self._error = error
        self._list()
        self.sets.selectRow(0)

    def _list(self) -> None:
        rows = [
            (each.title, size_words(each.size), "here" if is_here(each, self._home) else "",
             each.about)
            for each in self._entries
        ]  # fmt: skip
        chosen = self.sets.currentIndex().row()
        self.sets.show_rows(("Set", "Size", "", "What it is"), rows)
        if chosen >= 0:
            self.sets.selectRow(chosen)

    @property
    def entry(self) -> Entry | None:
        """The set that is chosen."""
        at = self.sets.currentIndex().row()
        return self._entries[at] if 0 <= at < len(self._entries) else None

    @property
    def busy(self) -> bool:
        """Whether a set is on its way."""
        return self._transfer is not None

    def choose(self, name: str) -> None:
        """Choose a set by its id."""
        self.sets.selectRow([each.id for each in self._entries].index(name))

    @Slot(QModelIndex)
    def _chosen(self, _index: QModelIndex) -> None:
        self._show()

    def _show(self) -> None:
        entry = self.entry
        if entry is None:
            return
        self._title.setText(f"{shown(entry.title)}, {size_words(entry.size)}")
        self._about.setText(shown(entry.about, 600))
        self._licence.setText(f"Licence: {shown(entry.licence, 600)}\n{shown(entry.licence_url)}")
        self._origin.setText(
            f"From {shown(entry.host)}, home {shown(entry.home)}\n"
            f"By {shown(entry.citation, 1000)}\nSHA-256 {_hash_words(entry)}"
        )
        self._show_state(entry)

    def _show_state(self, entry: Entry) -> None:
        here, part = is_here(entry, self._home), part_size(entry, self._home)
        mine = self._transfer is not None and self._transfer.entry is entry
        half = not here and part > 0
        self.get.setText("Go on" if half else "Get")
        self.get.setVisible(not here and not mine)
        self.get.setEnabled(not self.busy)
        self.pause.setVisible(mine)
        self.cancel.setVisible(mine or half)
        self.use.setVisible(here and not mine)
        done = self._transfer.progress.done if mine and self._transfer else part
        self._bar.set_fraction(done / entry.size)
        self._bar.setVisible(mine or half)
        self._state.setText(self._words(entry, done, here=here, mine=mine))
        self._state.set_tone("error" if self._error and not mine else "textMid")

    def _words(self, entry: Entry, done: int, *, here: bool, mine: bool) -> str:
        if mine:
            return f"{size_words(done)} of {size_words(entry.size)}"
        if self._error is not None:
            return shown(self._error.sentence(), 600)
        if here:
            return f"It is here, its SHA-256 was right: {shown(str(place_of(entry, self._home)))}"
        return f"{size_words(done)} of {size_words(entry.size)} are here" if done else ""

    # What the buttons do

    @Slot()
    def _get(self) -> None:
        entry = self.entry
        if entry is None or self.busy:
            return
        self._error = None
        self._transfer = Transfer(entry, self._home, part_size(entry, self._home))
        self._timer.start()
        self.fetching.emit(f"Fetching {shown(entry.title)} from {shown(entry.host)}")
        self._show()

    @Slot()
    def _pause(self) -> None:
        if self._transfer is not None:
            self._transfer.stop()
            self.pause.setEnabled(False)
            self._state.setText("Stopping…")

    @Slot()
    def _cancel(self) -> None:
        """Stop, and remove what is half here."""
        entry = self.entry
        if self._transfer is not None and self._transfer.entry is entry:
            self._discarded = self._transfer
            self._pause()
        elif entry is not None:
            discard(entry, self._home)
            self._show()

    @Slot()
    def _use(self) -> None:
        entry = self.entry
        if entry is not None:
            path = str(place_of(entry, self._home))
            self.accept()
            self.use_wanted.emit(path)

    @Slot()
    def _poll(self) -> None:
        transfer = self._transfer
        if transfer is None:
            return
        if transfer.ended:
            self._timer.stop()
            self._transfer, self._error = None, transfer.error
            if self._discarded is transfer:
                discard(transfer.entry, self._home)
            self.pause.setEnabled(True)
            self.fetching.emit("")
            self._list()
            self._show()
        elif not transfer.stopped and self.entry is transfer.entry:
            self._show_state(transfer.entry)

    @Slot(int)
    def _leave(self, _result: int = 0) -> None:
        """Stop what is under way; its part stays and can be gone on from."""
        if self._transfer is not None:
            self._transfer.stop()
            self._timer.stop()
            self.fetching.emit("")

    @override
    def closeEvent(self, event: QCloseEvent, /) -> None:
        self._leave()
        super().closeEvent(event)


def _hash_words(entry: Entry) -> str:
    if len(entry.files) == 1:
        return entry.files[0].sha256
    return f"of each of its {len(entry.files)} files is in the list"
