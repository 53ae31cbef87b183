"""The main window: menus, pages, transport, clocks, status. Everything else is a panel."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QByteArray, QSettings, Qt, QTimer, Slot
from PySide6.QtGui import (
    QCloseEvent,
    QDragEnterEvent,
    QDropEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QMainWindow,
    QMessageBox,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)
from typing_extensions import override

from seqstudio.blocks.swapping import fitting
from seqstudio.blocks.templates import FIRST, make
from seqstudio.core.errors import DataError, SeqError
from seqstudio.data.reading.finding import Found, find
from seqstudio.document.edits import ReplaceProject, Together
from seqstudio.document.project import SUFFIX, Project
from seqstudio.document.settings import DataSettings
from seqstudio.records.faults import Remedy
from seqstudio.studio.actions_search import ActionsSearch, Recent
from seqstudio.studio.banner import Banner
from seqstudio.studio.clocks import Clocks
from seqstudio.studio.edit_strip import EditStrip
from seqstudio.studio.exchange import Exchange
from seqstudio.studio.faults import FaultCatcher
from seqstudio.studio.focus import go_on
from seqstudio.studio.inside.page import InsidePage
from seqstudio.studio.keys import keymap
from seqstudio.studio.keys.dialog import KeysDialog
from seqstudio.studio.keys.sheet import KeySheet
from seqstudio.studio.learn import LearnPage
from seqstudio.studio.listen.page import ListenPage
from seqstudio.studio.menus import Menus
from seqstudio.studio.page import Page
from seqstudio.studio.pages import BuildPage, TrainPage
from seqstudio.studio.panels.data.getting import GettingDialog
from seqstudio.studio.panels.data.opening import OpeningDialog
from seqstudio.studio.panels.memories_dialog import MemoriesDialog
from seqstudio.studio.recovery import Offer, Recovery, set_aside
from seqstudio.studio.session import ACTIVE, Notice, Session
from seqstudio.studio.statusbar import StatusBar
from seqstudio.studio.theme import themes
from seqstudio.studio.topbar import TopBar, window_icon
from seqstudio.studio.tour import Tour
from seqstudio.studio.transport import Transport
from seqstudio.studio.widgets import Segments, ToastStack

CLOSE_POLL_MS = 50
CLOSE_LIMIT = 160  # polls: the runner itself kills a trainer that does not end within 6 s
FAULT_MS = 200
RECENT = 8
LOW = 840  # pixels: a lower window has lower clocks


class MainWindow(QMainWindow):
    """One document in one window.

    Args:
        session: What the window shows.
        settings: Where the arrangement is kept; None keeps nothing.
        faults: Catcher of our own faults, polled here.
    """

    def __init__(
        self,
        session: Session,
        settings: QSettings | None = None,
        faults: FaultCatcher | None = None,
    ) -> None:
        super().__init__()
        self.session = session
        self._settings = settings
        self._faults = faults
        self._closing = 0
        self._active = False
        self.recovery: Recovery | None = None
        self.setObjectName("main")
        self.setWindowIcon(window_icon())
        self.setAcceptDrops(True)
        self.resize(1440, 900)
        self.setMinimumSize(1024, 680)
        self.transport = Transport(session)
        self.clocks = Clocks(session)
        self.status = StatusBar(session)
        self.pages: dict[str, Page] = self._make_pages()
        self._stack = QStackedWidget()
        for page in self.pages.values():
            self._stack.addWidget(page)
        self.switch = Segments([(key, title) for key, title in self.titles().items()], name="Page")
        self.banner = Banner(self)
        self.edit_strip = EditStrip(session, self)
        self._lay_out()
        self.toasts = ToastStack(self)
        self.exchange = Exchange(self)
        self.tour = Tour(self)
        self.menus = Menus(self, settings)
        self.recent_actions = Recent(settings)
        self.top = TopBar(self.menus, self.switch)
        self.setMenuWidget(self.top)
        self._connect()
        self._restore()
        self._rename()
        self.show_page("build")

    def titles(self) -> dict[str, str]:
        """Return the pages with their names, in order."""
        words = {"build": "Build", "train": "Train", "inside": "Look inside",
                 "listen": "Listen", "learn": "Learn"}  # fmt: skip
        return {key: words[key] for key in self.pages}

    def _make_pages(self) -> dict[str, Page]:
        self.build, self.learn = BuildPage(self.session), LearnPage()
        self.train = TrainPage(self.session)
        self.inside, self.listen = InsidePage(self.session), ListenPage(self.session)
        return {
            "build": self.build,
            "train": self.train,
            "inside": self.inside,
            "listen": self.listen,
            "learn": self.learn,
        }

    def _lay_out(self) -> None:
        body = QWidget()
        rows = QVBoxLayout(body)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(0)
        rows.addWidget(self.transport)
        rows.addWidget(self.banner)
        rows.addWidget(self.edit_strip)
        rows.addWidget(self._stack, 1)
        rows.addWidget(self.clocks)
        rows.addWidget(self.status)
        self.setCentralWidget(body)

    # --------------------------------------------------------------- connections

    def _connect(self) -> None:
        session = self.session
        self.switch.value_changed.connect(self.show_page)
        self.top.find_wanted.connect(self.find_action)
        session.notice.connect(self.show_notice)
        self.banner.recover_wanted.connect(self.recover)
        self.banner.aside_wanted.connect(self.put_aside)
        self.banner.remedy_wanted.connect(self._take_remedy)
        session.project_changed.connect(self._project_changed)
        session.state_changed.connect(self._state_changed)
        self._unsaved = session.document.saved.connect(self._saved)
        self.transport.run_chosen.connect(session.open_run)
        gallery = self.build.gallery
        gallery.chosen.connect(self.start_from)
        self.learn.template_wanted.connect(self.start_from)
        self.inside.template_wanted.connect(self.start_from)
        self.listen.template_wanted.connect(self.start_from)
        self.listen.listen.link.wanted.connect(self._look_inside)
        gallery.file_wanted.connect(self.choose_data)
        gallery.empty_wanted.connect(self.start_empty)
        self.build.data.file_wanted.connect(self.choose_data)
        self.build.data.get_wanted.connect(self.get_data)
        self.build.code.export_wanted.connect(self.exchange.choose_pytorch)
        self.build.canvas.message.connect(self.status.say)
        self.build.inspector.message.connect(self.status.say)
        self.build.outline.message.connect(self.status.say)
        self.build.canvas.model_checked.connect(self.status.show_report)
        self.build.canvas.report_changed.connect(self.build.inspector.set_report)
        self.status.problem_chosen.connect(self._show_problem)
        self._fault_timer = QTimer(self, interval=FAULT_MS)
        self._fault_timer.timeout.connect(self._poll_faults)
        self._fault_timer.start()  # it also lets Python see signals while Qt waits

    @Slot(object)
    def _project_changed(self, _change: object) -> None:
        self._rename()

    @Slot(str)
    def _state_changed(self, state: str) -> None:
        if state in {"running", "paused"}:
            self.banner.hide()
        was_active, self._active = self._active, state in ACTIVE
        if state == "finished" and was_active:
            best = self.session.history.best_validation()
            detail = f"Best held-out loss {best.loss:.3f} at step {best.step:,}" if best else ""
            self.toasts.show_toast("Training is finished", detail, icon="check", tone="success")

    def _saved(self, path: Path) -> None:
        self._remember(path)
        self._rename()

    def _rename(self) -> None:
        document = self.session.document
        name = document.path.name if document.path else "untitled"
        self.top.show_name(name, document.modified)
        self.setWindowTitle(f"{name}[*] – SeqStudio")
        self.setWindowModified(document.modified)
        self.menus.show_history(document.undo_label, document.redo_label)

    @Slot(object)
    def show_notice(self, notice: object) -> None:
        """Show a notice: errors stay until they are dealt with, the rest passes by."""
        if not isinstance(notice, Notice):
            return
        if notice.level == "error" or notice.remedies:
            parts = (notice.what, notice.why, notice.hint, notice.details, notice.remedies)
            self.banner.show_error(*parts, notice.level)
            return
        detail = ". ".join(part for part in (notice.why, notice.hint) if part)
        icon = {"warn": "warn", "success": "check"}.get(notice.level, "info")
        tone = {"warn": "warn", "success": "success"}.get(notice.level, "textMid")
        self.toasts.show_toast(notice.what, detail, icon=icon, tone=tone)

    @Slot(object)
    def recover(self, found: object) -> None:
        """Take the edits of an offer into the document, as one undoable step."""
        assert isinstance(found, Offer)
        if not self._may_leave():
            return
        try:
            if found.path is not None and found.path.exists():
                self.session.open(found.path)
            else:
                self.session.new(make(FIRST))
        except SeqError as error:
            self.banner.show_error(error.what, error.why, error.hint, "")
            return
        self.session.document.apply(ReplaceProject(found.project, "Recover changes"))
        self.put_aside(found)
        QTimer.singleShot(0, self.build.canvas.fit)

    @Slot(object)
    def _take_remedy(self, remedy: object) -> None:
        assert isinstance(remedy, Remedy)
        self.session.take_remedy(remedy)

    @Slot(object)
    def put_aside(self, found: object) -> None:
        """Take an offer away; its file is kept under another name."""
        assert isinstance(found, Offer)
        set_aside(found.file)
        self.banner.hide()

    @Slot()
    def _poll_faults(self) -> None:
        faults = self._faults.drain() if self._faults else []
        if faults:
            self.banner.show_faults(faults)

    @property
    def error_text(self) -> str:
        """The error on screen, "" when there is none."""
        return self.banner.text

    @Slot(object)
    def _show_problem(self, problem: object) -> None:
        self.show_page("build")
        self.build.canvas.focus_problem(problem)  # type: ignore[arg-type]

    # -------------------------------------------------------------------- pages

    @Slot()
    def _look_inside(self) -> None:
        self.show_page("inside")

    @Slot(str)
    def show_page(self, key: str) -> None:
        """Bring a page to the front."""
        if key in self.pages:
            self.switch.set_value(key)
            self._stack.setCurrentWidget(self.pages[key])
            home = self.pages[key].home or self.clocks  # its keys work at once
            home.setFocus(Qt.FocusReason.NoFocusReason)
            self.status.show_hints(key)

    @property
    def page(self) -> str:
        """Key of the page in front."""
        return next(k for k, p in self.pages.items() if p is self._stack.currentWidget())

    def reset_page(self) -> None:
        """Put the docks of this page back to where they were at first."""
        self.pages[self.page].reset()

    def show_gallery(self) -> None:
        """Show the templates."""
        self.show_page("build")
        self.build.show_gallery(True)

    def set_mode(self, mode: str) -> None:
        """Follow the system, or stay dark or light."""
        themes().set_mode(mode)  # type: ignore[arg-type]
        if self._settings is not None:
            self._settings.setValue("theme", mode)

    @Slot(bool)
    def set_safe_colours(self, on: bool) -> None:
        """Use the colours that a colour-blind person can tell apart, or the lectures'."""
        themes().set_safe_colours(on)
        if self._settings is not None:
            self._settings.setValue("safe", on)

    # -------------------------------------------------------------------- files

    @Slot(str)
    def start_from(self, template: str) -> None:
        """Begin a new project from a template."""
        if self._may_leave():
            self.session.new(make(template))
            self.build.gallery.show_current(template)
            self.show_page("build")
            QTimer.singleShot(0, self.build.canvas.fit)

    @Slot()
    def start_empty(self) -> None:
        """Begin a new project with nothing on the canvas."""
        if self._may_leave():
            self.session.new(Project())
            self.show_page("build")
            self.build.show_gallery(False)
            self.build.canvas.setFocus()

    def begin_with(self, project: Project) -> None:
        """Begin with a project that has no file yet, unless the person stays."""
        if self._may_leave():
            self.session.new(project)
            self.show_page("build")
            self.build.show_gallery(False)
            QTimer.singleShot(0, self.build.canvas.fit)

    def choose_open(self) -> None:
        """Ask for a project file and open it."""
        self._ask_open("Open a project", f"SeqStudio project (*{SUFFIX})", self.open_any)

    def choose_data(self) -> None:
        """Ask for a file of the person's own, to learn from."""
        self._ask_open("Choose your data", "All files (*)", self.open_any)

    def choose_folder(self) -> None:
        """Ask for a folder of the person's own, to learn from."""
        files = QFileDialog.FileMode.Directory
        self._ask_open("Choose a folder of data", "", self.open_any, files)

    def _ask_open(
        self,
        title: str,
        kinds: str,
        act: Callable[[str], None],
        mode: QFileDialog.FileMode = QFileDialog.FileMode.ExistingFile,
    ) -> None:
        dialog = QFileDialog(self, title, "", kinds)
        dialog.setFileMode(mode)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(act)
        dialog.open()

    @Slot(str)
    def open_any(self, name: str) -> None:
        """Open a project, or find out what a file is and offer to learn from it."""
        path = Path(name)
        if path.suffix == SUFFIX:
            self.open_project(path)
            return
        found = find(path)
        if not found.told:
            self.session.tell(found.error())
        elif self._same_kind(found):
            self.session.use_file(path)
        else:
            dialog = OpeningDialog(path, found, self.session.project.data, self)
            dialog.begin_wanted.connect(self._begin_with_data)
            dialog.edit_wanted.connect(self._take_data)
            dialog.open()

    def get_data(self) -> None:
        """Show the public data sets that can be fetched by name."""
        dialog = GettingDialog(self)
        dialog.use_wanted.connect(self.open_any)
        dialog.fetching.connect(self.status.show_network)
        dialog.open()

    @Slot(object)
    def _begin_with_data(self, project: object) -> None:
        assert isinstance(project, Project)
        self.begin_with(project)

    @Slot(object)
    def _take_data(self, edit: object) -> None:
        assert isinstance(edit, Together)
        self.session.document.apply(edit)

    def _same_kind(self, found: Found) -> bool:
        """Tell whether the open project reads such a file without a question."""
        kind, data = self.session.project.data.kind, DataSettings
        return found.table is None and any(
            kind in family and found.kind in family
            for family in (data.FROM_TEXTS, data.FROM_TUNES)
        )

    def open_project(self, path: Path) -> bool:
        """Open a project file; False when it cannot be read or the person stays."""
        if not self._may_leave():
            return False
        try:
            self.session.open(path)
        except SeqError as error:
            self.banner.show_error(error.what, error.why, error.hint, "")
            return False
        QTimer.singleShot(0, self.build.canvas.fit)
        return True

    def save(self) -> bool:
        """Save the project; asks for a name the first time."""
        if self.session.document.path is None:
            return self.save_as()
        return self.save_to(self.session.document.path)

    def save_as(self) -> bool:
        """Ask for a name and save."""
        name = self.session.project.template or "project"
        path, _ = QFileDialog.getSaveFileName(
            self, "Save the project", name + SUFFIX, f"SeqStudio project (*{SUFFIX})"
        )
        if not path:
            return False
        target = Path(path)
        return self.save_to(target if target.suffix == SUFFIX else target.with_suffix(SUFFIX))

    def save_to(self, path: Path) -> bool:
        """Save to a path; False when it could not be written."""
        try:
            self.session.save(path)
        except SeqError as error:
            self.banner.show_error(error.what, error.why, error.hint, "")
            return False
        self.toasts.show_toast(f"{path.name} is saved", "", icon="check", tone="success")
        self._rename()
        return True

    def recent_names(self) -> list[str]:
        """Return the projects that were open last and are still there."""
        return recent_files(self._settings) if self._settings is not None else []

    def _remember(self, path: Path) -> None:
        if self._settings is not None:
            names = [str(path), *(n for n in self.recent_names() if n != str(path))]
            self._settings.setValue("recent", names[:RECENT])

    # --------------------------------------------------------------------- help

    @Slot()
    def find_action(self) -> None:
        """Open the search for actions."""
        ActionsSearch(self, self.recent_actions).open_below(self.top.find_button)

    def show_keys(self) -> None:
        """Show the keys of all actions, to change them."""
        KeysDialog(self).open()

    def show_key_sheet(self) -> None:
        """Show the sheet of keys over the window, or take it away."""
        shown = self.findChildren(KeySheet)
        for sheet in shown:
            sheet.close()
        if not shown:
            KeySheet(self).show()

    def show_outline(self) -> None:
        """Show the model as a list of blocks, ports, wires and problems."""
        self.show_page("build")
        self.build.show_outline()

    def show_sweep(self) -> None:
        """Show how to try many settings, and what came of it."""
        self.show_page("train")
        self.train.show_sweep()

    def show_memories(self) -> None:
        """Offer to train the same model with other memories."""
        session = self.session
        try:
            if session.facts is None:
                raise DataError("The data are not read yet", "", "Wait a moment")
            swaps = fitting(session.project.graph, session.facts)
        except SeqError as error:
            session.tell(error)
            return
        self.show_sweep()
        dialog = MemoriesDialog(swaps, session.project.training.seed, self)
        dialog.wanted.connect(self.train.sweep.begin)
        dialog.open()

    def go_to_part(self, by: int) -> None:
        """Give the keyboard to the next part of the window, or with -1 to the one before."""
        go_on([self.transport, *self.pages[self.page].parts(), self.clocks], by)

    def grow_part(self, across: int, down: int) -> None:
        """Make the part that has the keyboard wider and taller by a step, or by -1 smaller."""
        if not self.pages[self.page].grow(across, down):
            self.status.say(keymap().named("Go to a part at a side first", "view.next_part"))

    def show_about(self) -> None:
        """Say what this is."""
        from seqstudio import __version__

        QMessageBox.about(
            self,
            "About SeqStudio",
            f"SeqStudio {__version__}\n\nDraw sequence models, train them live, look inside, "
            "listen.\nOffline: nothing leaves this computer. MIT licence.",
        )

    def show_doctor(self) -> None:
        """Show what works on this computer."""
        self.status.say("Looking at this computer…")
        self.session.examine(self._show_findings)

    def _show_findings(self, text: str) -> None:
        box = QMessageBox(self)
        box.setWindowTitle("What works on this computer")
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setText(text)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.open()

    # ------------------------------------------------------------------ closing

    def _may_leave(self) -> bool:
        """Ask what to do with unsaved work; False when the person stays."""
        document, history = self.session.document, self.session.history
        unsaved_run = document.path is None and history.step > 0
        if not document.modified and not unsaved_run:
            return True
        box = QMessageBox(self)
        box.setIcon(QMessageBox.Icon.Question)
        name = document.path.name if document.path else "this project"
        box.setText(f"Save {name}?")
        if unsaved_run:
            box.setInformativeText(f"It was trained for {history.step:,} steps.")
        buttons = QMessageBox.StandardButton
        box.setStandardButtons(buttons.Save | buttons.Discard | buttons.Cancel)
        box.setDefaultButton(buttons.Save)
        answer = buttons(box.exec())
        if answer == buttons.Save:
            return self.save()
        return answer == buttons.Discard

    @override
    def closeEvent(self, event: QCloseEvent, /) -> None:
        """Ask, stop the trainer with a checkpoint, close when it has ended; never wait here."""
        if self._closing == 0 and not self._may_leave():
            event.ignore()
            return
        if self._closing == 0:
            self.session.give_up_runs()
            self.begin_close()
            if self.recovery is not None:
                self.recovery.remove()  # saved, or given up knowingly
        if self.session.closed or self._closing > CLOSE_LIMIT:
            self._end_close()
            event.accept()
        else:
            event.ignore()

    def begin_close(self) -> None:
        """Stop everything without a question; the window goes when the trainer has ended."""
        if self._closing:
            return
        self._closing = 1
        if self.recovery is not None and self.session.document.modified:
            self.recovery.keep()
        for dialog in self.findChildren(QDialog):
            dialog.reject()  # a question on the screen must not hold up the end
        self._keep_arrangement()
        self.status.say("Stopping with a checkpoint…" if self.session.state in ACTIVE else "")
        self.session.begin_close()
        self._close_timer = QTimer(self, interval=CLOSE_POLL_MS)
        self._close_timer.timeout.connect(self._poll_close)
        self._close_timer.start()

    @Slot()
    def _poll_close(self) -> None:
        self._closing += 1
        if self.session.closed or self._closing > CLOSE_LIMIT:
            self._close_timer.stop()
            self.close()

    def _end_close(self) -> None:
        self._fault_timer.stop()
        self.exchange.stop()
        self.learn.close_workers()
        self.listen.listen.close()
        self._unsaved()
        self.session.end_close(1.0)

    def _keep_arrangement(self) -> None:
        if self._settings is None:
            return
        self._settings.setValue("geometry", self.saveGeometry())
        for key, page in self.pages.items():
            self._settings.setValue(f"page/{key}", page.arrangement())
        self._settings.sync()

    def _restore(self) -> None:
        if self._settings is None:
            return
        geometry = self._settings.value("geometry")
        if isinstance(geometry, QByteArray):
            self.restoreGeometry(geometry)
        for key, page in self.pages.items():
            state = self._settings.value(f"page/{key}")
            if isinstance(state, QByteArray):
                page.arrange(state)
        self.build.show_gallery(False)

    @override
    def resizeEvent(self, event: QResizeEvent, /) -> None:
        """Let a low window keep its height for the panels."""
        super().resizeEvent(event)
        self.clocks.set_low(event.size().height() < LOW)

    # --------------------------------------------------------------------- drop

    @override
    def dragEnterEvent(self, event: QDragEnterEvent, /) -> None:
        """Accept one local file."""
        urls = event.mimeData().urls()
        if len(urls) == 1 and urls[0].isLocalFile():
            event.acceptProposedAction()

    @override
    def dropEvent(self, event: QDropEvent, /) -> None:
        """Open what was dropped."""
        self.open_any(event.mimeData().urls()[0].toLocalFile())


def recent_files(settings: QSettings) -> list[str]:
    """Return the projects of the settings that are still there, newest first."""
    names = settings.value("recent", [])
    names = names if isinstance(names, (list, tuple)) else [names]
    return [name for name in names if isinstance(name, str) and Path(name).is_file()]
