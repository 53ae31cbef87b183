"""What can be done with a run of the table: fork, describe, rename, export, delete, restore."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, QTimer
from PySide6.QtWidgets import QFileDialog, QWidget

from seqstudio.blocks.check import main_arch
from seqstudio.core.errors import SeqError
from seqstudio.document.project import Project
from seqstudio.runtime.archive import new_run_name
from seqstudio.runtime.forking import ForkPoint, fork_run
from seqstudio.runtime.notes import RunNotes, save_notes
from seqstudio.runtime.reporting import write_report
from seqstudio.runtime.store import is_locked
from seqstudio.studio.background import Background
from seqstudio.studio.panels.fork_dialog import ForkDialog
from seqstudio.studio.panels.run_dialog import RunDialog
from seqstudio.studio.run_homes import rename_run

if TYPE_CHECKING:
    from seqstudio.studio.panels.run_rows import RunRow
    from seqstudio.studio.panels.runs import RunsPanel
    from seqstudio.studio.session import Session

EXPORTS = {"html": "Page (HTML)…", "csv": "Tables (CSV)…", "tensorboard": "TensorBoard…"}
TRIES, WAIT_MS = 30, 100
_ACTIVE = frozenset({"starting", "running", "paused"})
_ARCH_NAMES = {"transformer": "gpt", "custom1": "model"}


class RunActs(QObject):
    """Does what the table's menu offers; files are read and written in a thread."""

    def __init__(self, panel: RunsPanel, session: Session) -> None:
        super().__init__(panel)
        self._panel = panel
        self._session = session
        self._background = Background(self)

    @property
    def deleted(self) -> list[str]:
        """Deleted runs that can come back, the last one first."""
        return self._session.trash.names(self._session.runs_home)

    # Forking

    def fork(self, row: RunRow) -> None:
        """Ask where and with what change to fork a run."""
        step = self._session.step_in_view if row.current else row.step
        folder = Path(row.folder)
        try:
            dialog = ForkDialog(folder, step, row.step, self._next_name(), self._parent)
        except SeqError as error:
            self._warn(error)
            return
        dialog.wanted.connect(lambda *wish: self.begin_fork(folder, *wish))
        dialog.open()

    def begin_fork(self, folder: Path, step: int, project: Project, name: str) -> None:
        """Make the new run's folder in a thread, then train it."""
        new = folder.parent / name

        def work() -> ForkPoint | SeqError:
            try:
                return fork_run(folder, step, new, project)
            except SeqError as error:
                return error

        self._background.submit(work, lambda done: self._forked(done, new))

    def _forked(self, done: ForkPoint | SeqError, new: Path) -> None:
        if isinstance(done, SeqError):
            self._warn(done)
            return
        if new.parent != self._session.runs_home:  # another project is open by now
            return
        self._session.begin_fork(new.name)
        steps = done.step - done.begin
        how = f"It repeats {steps:,} steps first, exactly as they were." if steps else ""
        self._say(f"{new.name} leaves {done.parent} at step {done.step:,}", how, "")

    def _next_name(self) -> str:
        session = self._session
        arch = main_arch((session.run_project or session.project).graph)
        return new_run_name(session.runs_home, _ARCH_NAMES.get(arch, arch))

    # Words

    def describe(self, row: RunRow) -> None:
        """Ask for name, tags and notes."""
        dialog = RunDialog(row.name, row.notes, self._parent)
        dialog.wanted.connect(lambda name, notes: self.keep_words(row, name, notes))
        dialog.open()

    def keep_words(self, row: RunRow, name: str, notes: RunNotes) -> None:
        """Keep tags and notes, and rename the run."""
        try:
            save_notes(Path(row.folder), notes)
        except SeqError as error:
            self._warn(error)
            return
        if name != row.name:
            self._when_free(row, lambda: self._rename(row, name))
        self._panel.invalidate()

    def _rename(self, row: RunRow, name: str) -> None:
        rename_run(Path(row.folder).parent, row.name, name)
        self._session.run_renamed(row.name, name)

    # Export

    def export(self, row: RunRow, form: str) -> None:
        """Ask for a place and write the run, with those that are drawn beside the one in view."""
        if form == "html":
            dialog = QFileDialog(self._parent, "Export", f"{row.name}.html", "Page (*.html)")
            dialog.setDefaultSuffix("html")
            dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        else:
            dialog = QFileDialog(self._parent, "Choose a folder")
            dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda path: self.write(row, form, Path(path)))
        dialog.open()

    def write(self, row: RunRow, form: str, out: Path) -> None:
        """Write a report in a thread."""
        names = [row.name, *(self._session.others if row.current else ())]
        folders = [self._session.runs_home / name for name in names]

        def work() -> list[Path] | SeqError:
            try:
                return write_report(folders, form, out)
            except SeqError as error:
                return error

        self._background.submit(work, self._written)

    def _written(self, done: list[Path] | SeqError) -> None:
        if isinstance(done, SeqError):
            self._warn(done)
        else:
            self._say(f"Exported {done[0].name}", str(done[0].parent), "", "success")

    # Deleting

    def delete(self, row: RunRow) -> None:
        """Put a run away; it can come back until the program closes."""
        if row.folder:
            self._when_free(row, lambda: self._throw(row))

    def _throw(self, row: RunRow) -> None:
        self._session.trash.throw(Path(row.folder).parent, row.name)
        self._session.forget_run(row.name)
        what = f"{row.name} was deleted"
        self._say(what, "Undo brings it back", "It is removed when you close SeqStudio")

    def _when_free(self, row: RunRow, act: Callable[[], None], tries: int = TRIES) -> None:
        """Act once the trainer has let go of a run that ended; it may hold it to write with."""
        session = self._session
        ended = row.name == session.history.run and session.state not in _ACTIVE
        if tries and ended and is_locked(Path(row.folder)):
            session.release()
            QTimer.singleShot(WAIT_MS, self, lambda: self._when_free(row, act, tries - 1))
            return
        try:
            act()
        except SeqError as error:
            self._warn(error)
        self._panel.invalidate()

    def undo(self) -> None:
        """Bring back the run that was deleted last."""
        if self.deleted:
            self.restore(self.deleted[0])

    def restore(self, name: str) -> None:
        """Bring a deleted run back."""
        try:
            self._session.trash.restore(self._session.runs_home, name)
        except SeqError as error:
            self._warn(error)
        self._panel.invalidate()

    # Telling

    @property
    def _parent(self) -> QWidget:
        return self._panel

    def _warn(self, error: SeqError) -> None:
        self._say(error.what, error.why, error.hint, "warn")

    def _say(self, what: str, why: str, hint: str, level: str = "info") -> None:
        from seqstudio.studio.session import Notice

        self._session.notice.emit(Notice(what, why, hint, level))
