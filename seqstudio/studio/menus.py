"""The menus of the window: every action with its words and keys."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMenu, QMenuBar

from seqstudio.blocks.editing import switch_cells
from seqstudio.studio.theme import themes

if TYPE_CHECKING:
    from seqstudio.studio.window import MainWindow

CELLS = (("rnn", "RNN"), ("gru", "GRU"), ("lstm", "LSTM"))


class Menus(QMenuBar):
    """File, Edit, View, Model, Run, Help of one window."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__()
        self._window = window
        self._session = window.session
        self.setNativeMenuBar(False)
        self._file_menu()
        self._edit_menu()
        self._view_menu()
        self._model_menu()
        self._run_menu()
        self._help_menu()

    def show_history(self, undo: str, redo: str) -> None:
        """Name what can be undone and redone, "" for nothing."""
        for action, verb, what in ((self._undo, "Undo", undo), (self._redo, "Redo", redo)):
            action.setText(f"{verb} {what}" if what else verb)
            action.setEnabled(bool(what))

    def _act(
        self, menu: QMenu, words: str, act: Callable[[], object], *keys: str | QKeySequence
    ) -> QAction:
        action = menu.addAction(words)
        action.setShortcuts([QKeySequence(key) for key in keys])

        def run(_checked: bool = False) -> None:
            act()

        action.triggered.connect(run)
        return action

    def _file_menu(self) -> None:
        menu = self.addMenu("File")
        standard = QKeySequence.StandardKey
        self._act(menu, "Start from…", self._window.show_gallery, QKeySequence(standard.New))
        self._act(menu, "Open…", self._window.choose_open, QKeySequence(standard.Open))
        self._recent = menu.addMenu("Open recent")
        self._recent.aboutToShow.connect(self._fill_recent)
        menu.addSeparator()
        self._act(menu, "Save", self._window.save, QKeySequence(standard.Save))
        self._act(menu, "Save as…", self._window.save_as, QKeySequence(standard.SaveAs))
        menu.addSeparator()
        self._act(menu, "Use your own data…", self._window.choose_data)
        menu.addSeparator()
        self._act(menu, "Quit", self._window.close, QKeySequence(standard.Quit))

    def _edit_menu(self) -> None:
        menu, canvas = self.addMenu("Edit"), self._window.build.canvas
        standard = QKeySequence.StandardKey
        self._undo = self._act(
            menu, "Undo", self._session.document.undo, QKeySequence(standard.Undo)
        )
        self._redo = self._act(menu, "Redo", self._session.document.redo, "Ctrl+Shift+Z", "Ctrl+Y")
        menu.addSeparator()
        # The canvas takes these keys itself while it has the focus; the menu only names them.
        self._on_blocks = [
            self._act(menu, f"{words}\t{keys}", act)
            for words, keys, act in (
                ("Cut", "Ctrl+X", canvas.cut),
                ("Copy", "Ctrl+C", canvas.copy),
                ("Duplicate", "Ctrl+D", canvas.duplicate),
                ("Delete", "Del", canvas.delete_selection),
            )
        ]
        self._on_canvas = [
            self._act(menu, "Paste\tCtrl+V", canvas.paste),
            self._act(menu, "Select all\tCtrl+A", canvas.select_all),
        ]
        menu.addSeparator()
        self._act(menu, "Find an action…", self._window.find_action, "Ctrl+K")
        menu.aboutToShow.connect(self._allow_edits)

    def _allow_edits(self) -> None:
        """Allow what changes blocks only where the person sees which ones."""
        seen = self._window.page == "build"
        some = bool(self._window.build.canvas.selection)
        for action in self._on_canvas:
            action.setEnabled(seen)
        for action in self._on_blocks:
            action.setEnabled(seen and some)

    def _view_menu(self) -> None:
        menu = self.addMenu("View")
        for number, (key, title) in enumerate(self._window.titles().items(), 1):
            self._act(menu, title, partial(self._window.show_page, key), f"Ctrl+{number}")
        menu.addSeparator()
        colours, group = menu.addMenu("Colours"), QActionGroup(self)
        for mode, words in (("system", "As the system"), ("dark", "Dark"), ("light", "Light")):
            action = self._act(colours, words, partial(self._window.set_mode, mode))
            action.setCheckable(True)
            action.setChecked(themes().mode == mode)
            group.addAction(action)
        colours.addSeparator()
        safe = colours.addAction("Colour-blind safe")
        safe.setCheckable(True)
        safe.setChecked(themes().safe_colours)
        safe.toggled.connect(self._window.set_safe_colours)
        menu.addSeparator()
        self._act(menu, "Fit the graph", self._window.build.canvas.fit)
        self._act(menu, "Reset this page", self._window.reset_page)

    def _model_menu(self) -> None:
        menu = self.addMenu("Model")
        for kind, words in CELLS:
            self._act(menu, f"Change cells to {words}", partial(self._switch_cells, kind))
        identity = partial(self._switch_cells, "rnn", nonlinearity="relu", init="identity")
        self._act(menu, "Change cells to ReLU RNN with identity start", identity)
        menu.addSeparator()
        self._act(menu, "Tidy the graph", self._window.build.canvas.tidy)

    def _switch_cells(self, kind: str, **params: str) -> None:
        """Turn every recurrent block into another kind, in one step."""
        document = self._session.document
        document.apply(switch_cells(document.project.graph, kind, **params))

    def _run_menu(self) -> None:
        menu = self.addMenu("Run")
        self._act(menu, "Train or pause", self._window.transport.toggle, "P")
        self._act(menu, "One training step", self._session.step, ".")
        self._act(menu, "Stop with a checkpoint", self._session.stop, "Shift+P")

    def _help_menu(self) -> None:
        menu = self.addMenu("Help")
        self._act(menu, "Show the tour", self._window.tour.start)
        self._act(menu, "What works on this computer", self._window.show_doctor)
        self._act(menu, "About SeqStudio", self._window.show_about)

    def _fill_recent(self) -> None:
        self._recent.clear()
        for name in self._window.recent_names():
            self._act(self._recent, name, partial(self._window.open_any, name))
        if self._recent.isEmpty():
            self._recent.addAction("None yet").setEnabled(False)
