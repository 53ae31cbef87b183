"""The menus of the window: its actions with their words and keys, and what they do."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QSettings, Slot
from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMenu, QMenuBar

from seqstudio.blocks.cost import bytes_in_words
from seqstudio.blocks.editing import switch_cells
from seqstudio.studio.canvas.hands.keyboard import ACTIONS as CANVAS_ACTIONS
from seqstudio.studio.inside.playing.panel import BpttPanel
from seqstudio.studio.keys import Action, follow_keys, keymap
from seqstudio.studio.keys.local import LOCAL_ACTIONS
from seqstudio.studio.run_in_view import ACTIVE
from seqstudio.studio.theme import themes
from seqstudio.studio.transport import ACTIONS as RUN_ACTIONS
from seqstudio.studio.trash import empty_trash

if TYPE_CHECKING:
    from seqstudio.studio.window import MainWindow

ID, WHY_NOT = "id", "why_not"  # properties of a QAction
_K = QKeySequence.StandardKey
_CELLS = (("rnn", "RNN"), ("gru", "GRU"), ("lstm", "LSTM"))
_PAGES = (("build", "Build"), ("train", "Train"), ("inside", "Look inside"),
          ("listen", "Listen"), ("learn", "Learn"))  # fmt: skip
_COLOURS = (("system", "Colours of the system"), ("dark", "Dark colours"),
            ("light", "Light colours"))  # fmt: skip
_SIZES = (("wider", "Right", 1, 0), ("narrower", "Left", -1, 0),
          ("taller", "Up", 0, 1), ("lower", "Down", 0, -1))  # fmt: skip
_EDITING = ("cut", "copy", "paste", "duplicate", "delete", "select_all")

ACTIONS = (
    Action("file.start", "Start from…", "File", (_K.New,)),
    Action("file.empty", "Empty canvas", "File", ("Ctrl+Shift+N",)),
    Action("file.open", "Open…", "File", (_K.Open,)),
    Action("file.save", "Save", "File", (_K.Save,)),
    Action("file.save_as", "Save as…", "File", (_K.SaveAs, "Ctrl+Shift+S")),
    Action("file.data", "Use your own data…", "File"),
    Action("file.folder", "Use your own folder…", "File"),
    Action("file.get", "Get data…", "File"),
    Action("file.import", "Import model…", "File"),
    Action("file.pytorch", "Export as PyTorch…", "File"),
    Action("file.onnx", "Export as ONNX…", "File"),
    Action("file.quit", "Quit", "File", (_K.Quit, "Ctrl+Q")),
    Action("edit.undo", "Undo", "Edit", (_K.Undo,)),
    Action("edit.redo", "Redo", "Edit", (_K.Redo, "Ctrl+Shift+Z", "Ctrl+Y")),
    Action("edit.find", "Find an action…", "Edit", ("Ctrl+K", "Ctrl+Shift+K")),
    Action("edit.keys", "Keyboard shortcuts…", "Edit", ("Ctrl+Alt+K",)),
    *(Action(f"page.{key}", words, "View", (f"Ctrl+{number}",))
      for number, (key, words) in enumerate(_PAGES, 1)),
    Action("view.next_part", "Next part of the page", "View", ("F6",)),
    Action("view.previous_part", "Part of the page before", "View", ("Shift+F6",)),
    *(Action(f"view.{key}", f"Make the part {key}", "View", (f"Alt+Shift+{arrow}",))
      for key, arrow, *_ in _SIZES),
    Action("view.outline", "Show the outline", "View", ("Ctrl+Shift+O",)),
    *(Action(f"colours.{key}", words, "View") for key, words in _COLOURS),
    Action("colours.safe", "Colour-blind safe colours", "View"),
    Action("view.reset_page", "Reset this page", "View"),
    *(Action(f"model.{key}", f"Change cells to {words}", "Model") for key, words in _CELLS),
    Action("model.identity", "Change cells to ReLU RNN with identity start", "Model"),
    Action("model.apply", "Apply the edit to the run", "Model"),
    *RUN_ACTIONS,
    Action("run.sweep", "Sweep settings…", "Run"),
    Action("run.memories", "Try other memories…", "Run"),
    Action("time.forward", "One time step forward", "Run", ("Alt+.",)),
    Action("time.back", "One BPTT step back", "Run", ("Alt+,",)),
    Action("help.keys", "Sheet of keys", "Help", ("F1",)),
    Action("help.tour", "Show the tour", "Help"),
    Action("help.doctor", "What works on this computer", "Help"),
    Action("help.about", "About SeqStudio", "Help"),
)  # fmt: skip


class Menus(QMenuBar):
    """File, Edit, View, Model, Run, Help of one window.

    Args:
        window: Whose actions they are.
        settings: Where the person's keys are kept; None starts from the defaults.
    """

    def __init__(self, window: MainWindow, settings: QSettings | None = None) -> None:
        super().__init__()
        self._window = window
        self._session = window.session
        self._acts: dict[str, QAction] = {}
        keymap().declare((*ACTIONS, *CANVAS_ACTIONS, *LOCAL_ACTIONS))
        keymap().use(settings)
        self.setNativeMenuBar(False)
        self._file_menu()
        self._edit_menu()
        self._view_menu()
        self._model_menu()
        self._run_menu()
        self._help_menu()
        follow_keys(self)

    @Slot()
    def rekey(self) -> None:
        """Give every action the keys in force."""
        for name, action in self._acts.items():
            if keymap().action(name).context == "canvas":
                # The canvas takes these keys itself while it has the focus; menus only name them.
                words = keymap().action(name).words
                action.setText("\t".join(filter(None, (words, keymap().text(name)))))
            else:
                action.setShortcuts(keymap().sequences(name))

    def act(self, name: str) -> QAction:
        """Return an action of the menus by its id.

        Raises:
            KeyError: The menus have no such action.
        """
        return self._acts[name]

    def show_history(self, undo: str, redo: str) -> None:
        """Name what can be undone and redone, "" for nothing."""
        for name, what in (("edit.undo", undo), ("edit.redo", redo)):
            verb = keymap().action(name).words
            self._acts[name].setText(f"{verb} {what}" if what else verb)
            self._allow(self._acts[name], "" if what else f"There is nothing to {verb.lower()}")

    def _act(self, menu: QMenu, name: str, act: Callable[[], object] = lambda: None) -> QAction:
        action = _plain(menu, keymap().action(name).words, act)
        action.setProperty(ID, name)
        self._acts[name] = action
        return action

    def _canvas_act(self, menu: QMenu, name: str) -> None:
        self._act(menu, name, partial(self._run_on_canvas, name))

    def _run_on_canvas(self, name: str) -> None:
        self._window.build.canvas.setFocus()
        self._window.build.canvas.keys.run(name)

    @Slot()
    def allow(self) -> None:
        """Allow what changes blocks only where the person sees which ones, and say why not."""
        elsewhere = "" if self._window.page == "build" else "Only on the Build page"
        for name, action in self._acts.items():
            if keymap().action(name).context == "canvas":
                why_not = elsewhere or self._window.build.canvas.keys.why_not(name)
                self._allow(action, why_not)
        for number, (kind, words) in enumerate(_CELLS):
            self._allow(self._acts[f"model.{kind}"], self._why_no_switch(number, words))
        why_not = "" if self._session.applicable else "No run goes on that the model differs from"
        self._allow(self._acts["model.apply"], why_not)

        self._allow_run_acts()

    def _allow_run_acts(self) -> None:
        session = self._session
        sweep = session.history.rate_sweep
        searching = session.state in ACTIVE and sweep is not None and not sweep.done
        compiling = session.state in ACTIVE and session.project.training.compile
        deleted = session.trash.names(session.runs_home)
        for name, why_not in {
            "run.give_up_rate": "" if searching else "No learning rate is being searched",
            "run.give_up_compiling": "" if compiling else "No run is being compiled",
            "run.empty_trash": "" if deleted else "No run of this project is deleted",
        }.items():
            self._allow(self._acts[name], why_not)
        words = keymap().action("run.empty_trash").words
        size = bytes_in_words(session.trash.size(session.runs_home)) if deleted else ""
        self._acts["run.empty_trash"].setText(f"{words} ({size})" if size else words)

    def _why_no_switch(self, number: int, words: str) -> str:
        cells = {b.kind for b in self._session.project.graph} & {kind for kind, _ in _CELLS}
        if not cells:
            return "The model has no recurrent cells"
        return f"They are {words} already" if cells == {_CELLS[number][0]} else ""

    @staticmethod
    def _allow(action: QAction, why_not: str) -> None:
        action.setProperty(WHY_NOT, why_not)
        action.setEnabled(not why_not)

    # The menus

    def _menu(self, title: str) -> QMenu:
        menu = self.addMenu(f"&{title}")
        menu.aboutToShow.connect(self.allow)
        return menu

    def _file_menu(self) -> None:
        menu, window = self._menu("File"), self._window
        self._act(menu, "file.start", window.show_gallery)
        self._act(menu, "file.empty", window.start_empty)
        self._act(menu, "file.open", window.choose_open)
        self._recent = menu.addMenu("Open recent")
        self._recent.aboutToShow.connect(self._fill_recent)
        menu.addSeparator()
        self._act(menu, "file.save", window.save)
        self._act(menu, "file.save_as", window.save_as)
        menu.addSeparator()
        self._act(menu, "file.data", window.choose_data)
        self._act(menu, "file.folder", window.choose_folder)
        self._act(menu, "file.get", window.get_data)
        menu.addSeparator()
        self._act(menu, "file.import", window.exchange.choose_import)
        self._act(menu, "file.pytorch", window.exchange.choose_pytorch)
        self._act(menu, "file.onnx", window.exchange.choose_onnx)
        menu.addSeparator()
        self._act(menu, "file.quit", window.close)

    def _edit_menu(self) -> None:
        menu = self._menu("Edit")
        self._act(menu, "edit.undo", self._session.document.undo)
        self._act(menu, "edit.redo", self._session.document.redo)
        menu.addSeparator()
        for name in _EDITING:
            self._canvas_act(menu, f"canvas.{name}")
        menu.addSeparator()
        self._act(menu, "edit.find", self._window.find_action)
        self._act(menu, "edit.keys", self._window.show_keys)

    def _view_menu(self) -> None:
        menu, window = self._menu("View"), self._window
        for key, _ in _PAGES:
            self._act(menu, f"page.{key}", partial(window.show_page, key))
        menu.addSeparator()
        self._act(menu, "view.outline", window.show_outline)
        self._act(menu, "view.next_part", partial(window.go_to_part, 1))
        self._act(menu, "view.previous_part", partial(window.go_to_part, -1))
        sizes = menu.addMenu("Size of the part")
        for key, _, across, down in _SIZES:
            self._act(sizes, f"view.{key}", partial(window.grow_part, across, down))
        menu.addSeparator()
        self._colours(menu.addMenu("Colours"))
        menu.addSeparator()
        self._canvas_act(menu, "canvas.fit")
        self._act(menu, "view.reset_page", window.reset_page)

    def _colours(self, menu: QMenu) -> None:
        group = QActionGroup(self)
        for mode, _ in _COLOURS:
            action = self._act(menu, f"colours.{mode}", partial(self._window.set_mode, mode))
            action.setCheckable(True)
            action.setChecked(themes().mode == mode)
            group.addAction(action)
        menu.addSeparator()
        safe = self._act(menu, "colours.safe")
        safe.setCheckable(True)
        safe.setChecked(themes().safe_colours)
        safe.toggled.connect(self._window.set_safe_colours)

    def _model_menu(self) -> None:
        menu = self._menu("Model")
        for kind, _ in _CELLS:
            self._act(menu, f"model.{kind}", partial(self._switch_cells, kind))
        identity = partial(self._switch_cells, "rnn", nonlinearity="relu", init="identity")
        self._act(menu, "model.identity", identity)
        menu.addSeparator()
        self._act(menu, "model.apply", self._session.apply_edit)
        menu.addSeparator()
        self._canvas_act(menu, "canvas.tidy")
        for group in dict.fromkeys(action.group for action in CANVAS_ACTIONS):
            inner = menu.addMenu(group)
            for action in CANVAS_ACTIONS:
                if action.group == group and action.id not in self._acts:
                    self._canvas_act(inner, action.id)
            inner.menuAction().setVisible(not inner.isEmpty())

    def _switch_cells(self, kind: str, **params: str) -> None:
        """Turn every recurrent block into another kind, in one step."""
        document = self._session.document
        document.apply(switch_cells(document.project.graph, kind, **params))

    def _run_menu(self) -> None:
        menu = self._menu("Run")
        self._act(menu, "run.toggle", self._window.transport.toggle)
        self._act(menu, "run.step", self._session.step)
        self._act(menu, "run.stop", self._session.stop)
        self._act(menu, "run.rate", self._window.transport.find_rate)
        self._act(menu, "run.sweep", self._window.show_sweep)
        self._act(menu, "run.memories", self._window.show_memories)
        menu.addSeparator()
        self._act(menu, "run.give_up_rate", partial(self._session.give_up, "rate"))
        self._act(menu, "run.give_up_compiling", partial(self._session.give_up, "compile"))
        self._act(menu, "run.empty_trash", partial(empty_trash, self._session, self._window))
        menu.addSeparator()
        self._act(menu, "time.forward", partial(self._play_time, back=False))
        self._act(menu, "time.back", partial(self._play_time, back=True))

    def _play_time(self, *, back: bool) -> None:
        """Show the model step by step and go one time step on, or one back through time."""
        self._window.show_page("inside")
        panel = self._window.inside.show_panel(BpttPanel)
        if isinstance(panel, BpttPanel):
            panel.film.setFocus()
            (panel.play_backward if back else panel.play_forward)()

    def _help_menu(self) -> None:
        menu = self._menu("Help")
        self._act(menu, "help.keys", self._window.show_key_sheet)
        self._act(menu, "help.tour", self._window.tour.start)
        self._act(menu, "help.doctor", self._window.show_doctor)
        self._act(menu, "help.about", self._window.show_about)

    def _fill_recent(self) -> None:
        self._recent.clear()
        for name in self._window.recent_names():
            _plain(self._recent, name, partial(self._window.open_any, name))
        if self._recent.isEmpty():
            self._recent.addAction("None yet").setEnabled(False)


def _plain(menu: QMenu, words: str, act: Callable[[], object]) -> QAction:
    action = menu.addAction(words)

    def run(_checked: bool = False) -> None:
        act()

    action.triggered.connect(run)
    return action
