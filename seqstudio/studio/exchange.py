"""Models out of the program and into it: the dialogs, and the command that does the work.

Both are done by the command line in a process of its own. So torch does not load into the window,
and a stranger's Python never runs in it.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QProcess, Qt, Signal, Slot
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QFileDialog, QVBoxLayout, QWidget

from seqstudio.core.errors import SeqError
from seqstudio.document.project import SUFFIX, load_project
from seqstudio.studio.theme import theme
from seqstudio.studio.widgets import Label, TextField

if TYPE_CHECKING:
    from seqstudio.studio.window import MainWindow

OURS = "made with SeqStudio"
_HEAD = 4_000  # characters in which an exported file names its maker
_WARNING = (
    "{name} was not written by SeqStudio. To see what its module does, its Python has to be run, "
    "in a process of its own that is stopped after a minute.\n\nThat process can do whatever you "
    "can do: read and change your files, use the network. Go on only if you trust the file."
)


class CommandJob(QObject):
    """One command of the command line, run beside the window.

    Signals:
        done: It ended well; its output.
        failed: It did not; what it said.
    """

    done = Signal(str)
    failed = Signal(str)

    def __init__(self, words: list[str], parent: QObject) -> None:
        super().__init__(parent)
        self._process = QProcess(self)
        self._process.finished.connect(self._finished)
        self._process.errorOccurred.connect(self._broken)
        program = [] if getattr(sys, "frozen", False) else ["-m", "seqstudio"]
        self._process.start(sys.executable, [*program, *words])

    def stop(self) -> None:
        """End it at once, unheard."""
        self._process.blockSignals(True)
        self._process.kill()
        self._process.waitForFinished(2_000)

    @Slot(int)
    def _finished(self, code: int) -> None:
        out = bytes(self._process.readAllStandardOutput().data()).decode(errors="replace")
        told = bytes(self._process.readAllStandardError().data()).decode(errors="replace")
        if code == 0:
            self.done.emit(out.strip())
        else:
            lines = [line for line in told.strip().splitlines() if line.startswith("seqstudio:")]
            self.failed.emit(lines[-1].removeprefix("seqstudio: ") if lines else told[-300:])

    @Slot()
    def _broken(self) -> None:
        self.failed.emit(self._process.errorString())


class AskToRun(QDialog):
    """Says what an import will do, and asks.

    Attributes:
        wanted: Field of the class to import.
        run: The button that allows it.
    """

    def __init__(self, name: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Run this file?")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 16, 16, 16)
        column.setSpacing(12)
        words = Label(_WARNING.format(name=name), "body", "textHi", parent=self)
        words.setWordWrap(True)
        self.wanted = TextField("", name="Class", placeholder="the only one", parent=self)
        buttons = QDialogButtonBox(self)
        self.run = buttons.addButton("Run it and import", QDialogButtonBox.ButtonRole.AcceptRole)
        stay = buttons.addButton("Cancel", QDialogButtonBox.ButtonRole.RejectRole)
        stay.setDefault(True)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        for part in (words, Label("Class or module", "body", "textMid", parent=self), self.wanted,
                     buttons):  # fmt: skip
            column.addWidget(part)
        self.setMinimumWidth(round(440 * max(1.0, theme().scale)))


class Exchange(QObject):
    """Export and import of one window."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._job: CommandJob | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    @property
    def at_work(self) -> bool:
        """Whether a command is under way."""
        return self._job is not None

    def stop(self) -> None:
        """End what is under way: the window closes."""
        if self._job is not None:
            self._job.stop()
        self._clear()

    # Out

    @Slot()
    def choose_pytorch(self) -> None:
        """Ask for a folder and export source, weights and training script into it."""
        self._ask_out("Export as PyTorch: name of the new folder", "model", "", self.pytorch)

    @Slot()
    def choose_onnx(self) -> None:
        """Ask for a file and export the model as ONNX."""
        self._ask_out("Export as ONNX", "model.onnx", "ONNX (*.onnx)", self.onnx)

    def _ask_out(self, title: str, name: str, kinds: str, act: Callable[[str], None]) -> None:
        if not self._saved():
            return
        dialog = QFileDialog(self._window, title, name, kinds)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("onnx" if kinds else "")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(act)
        dialog.open()

    @Slot(str)
    def pytorch(self, out: str) -> None:
        """Export into a folder."""
        self._export("pytorch", out)

    @Slot(str)
    def onnx(self, out: str) -> None:
        """Export into a file."""
        self._export("onnx", out)

    def _export(self, form: str, out: str) -> None:
        path = self._window.session.document.path
        if path is None:
            return
        words = ["export", str(path), "--format", form, "--out", out]
        self._begin(words, f"Exporting {Path(out).name}", self._exported)

    def _saved(self) -> bool:
        """Save what has changed, because the file is what is exported; False if it stays."""
        document = self._window.session.document
        return (document.path is not None and not document.modified) or self._window.save()

    def _exported(self, told: str) -> None:
        first, *notes = told.splitlines() or [""]
        self._window.toasts.show_toast("Exported", " ".join([first, *notes]), icon="export")

    # In

    @Slot()
    def choose_import(self) -> None:
        """Ask for a Python file with a model."""
        dialog = QFileDialog(self._window, "Import a model", "", "Python (*.py)")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self.take)
        dialog.open()

    @Slot(str)
    def take(self, name: str) -> None:
        """Import a file: at once when SeqStudio wrote it, else after asking."""
        path = Path(name)
        if _is_ours(path):
            self.run_import(path, "", run_python=False)
            return
        ask = AskToRun(path.name, self._window)
        ask.accepted.connect(lambda: self.run_import(path, ask.wanted.text(), run_python=True))
        ask.open()

    def run_import(self, path: Path, wanted: str, *, run_python: bool) -> None:
        """Import a file into a new project."""
        self._folder = tempfile.TemporaryDirectory(prefix="seqstudio-")
        out = Path(self._folder.name) / f"imported{SUFFIX}"
        model = f"{path}:{wanted}" if wanted else str(path)
        words = ["import", model, str(out), *(["--run-python"] if run_python else [])]
        self._begin(words, f"Importing {path.name}", lambda told: self._imported(out, told))

    def _imported(self, out: Path, told: str) -> None:
        window = self._window
        try:
            project = load_project(out)
        except SeqError as error:
            window.session.tell(error)
            return
        window.begin_with(project)
        first, *notes = told.splitlines() or [""]
        words = " ".join(note.removeprefix("note: ").rstrip(".") + "." for note in notes)
        window.toasts.show_toast(first.partition(": ")[2] or "Imported", words, icon="import")

    # The command

    def _begin(self, words: list[str], title: str, done: Callable[[str], None]) -> None:
        if self._job is not None:
            self._window.session.tell(
                SeqError("One export or import at a time", "", "Wait for it")
            )
            return
        self._job = CommandJob(words, self)
        self._window.toasts.show_toast(title, "", icon="clock", tone="textMid")
        self._job.done.connect(lambda told: self._over(lambda: done(told)))
        self._job.failed.connect(lambda told: self._over(lambda: self._refused(title, told)))

    def _over(self, tell: Callable[[], None]) -> None:
        job, self._job = self._job, None
        if job is not None:
            job.deleteLater()
        try:
            tell()
        finally:
            self._clear()

    def _refused(self, title: str, told: str) -> None:
        what, _, why = told.partition(": ")
        self._window.session.tell(SeqError(what or f"{title} failed", why.rstrip("."), ""))

    def _clear(self) -> None:
        self._job = None
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None


def _is_ours(path: Path) -> bool:
    """Tell whether a file says at its top that SeqStudio wrote it; the import looks closer."""
    try:
        with path.open(encoding="utf-8") as file:
            return OURS in file.read(_HEAD).partition('"""\n')[0]
    except (OSError, UnicodeDecodeError):
        return False
