"""`BeamDesk`: asks for a beam search at the cursor and shows its tree and its texts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QTimer, Slot
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget
from typing_extensions import override

from seqstudio.records.inside.predictions import BeamOf, BeamTree
from seqstudio.studio.inside.embedding.map import joined
from seqstudio.studio.inside.predictions.beam_view import BeamView, words_to
from seqstudio.studio.inside.predictions.side import Choosing
from seqstudio.studio.inside.rank_bars import RankBars
from seqstudio.studio.inside.side_look import SideLook
from seqstudio.studio.theme import follow_theme, theme
from seqstudio.studio.widgets import Button, ElidedLabel, Label, NumberField, format_number

if TYPE_CHECKING:
    from seqstudio.studio.session import Session

REST_MS = 200
_SHOWN = 6


class BeamDesk(QWidget):
    """Width and depth, the tree, and its continuations beside the greedy and a sampled one."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._at, self._steps, self._run = 0, 600, ""
        self._text: str | None = None
        self._choosing = Choosing()
        self._seed = 0
        self._drawn: object = None
        self._nodes: list[int] = []
        self.look = SideLook(session, "Beam", self)
        self.look.changed.connect(self._came)
        self._rest = QTimer(self, interval=REST_MS, singleShot=True)
        self._rest.timeout.connect(self.ask)
        self.width_field = NumberField(4, 1, 12, form="int", name="Beams")
        self.depth_field = NumberField(12, 1, 32, form="int", name="Steps ahead")
        self._again = Button("Draw again", icon="sample")
        self._told = ElidedLabel("", "small", "textMid")
        self.view = BeamView()
        self.lines = RankBars(role="output", share=0.6, name="Continuations")
        self._chosen = Label("", "small", "textMid", wrap=True)
        self._lay_out()
        self._connect()
        follow_theme(self)

    def _lay_out(self) -> None:
        line = QHBoxLayout()
        line.setSpacing(8)
        for name, field in (("beams", self.width_field), ("steps ahead", self.depth_field)):
            line.addWidget(Label(name, "small", "textMid"))
            line.addWidget(field)
        line.addWidget(self._again)
        line.addWidget(self._told, 1)
        scroll = QScrollArea()
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidgetResizable(True)
        scroll.setWidget(self.view)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(12, 8, 12, 8)
        rows.setSpacing(6)
        rows.addLayout(line)
        rows.addWidget(scroll, 1)
        rows.addWidget(self._chosen)
        rows.addWidget(Label("bar: mean probability a token", "small", "textMid"))
        rows.addWidget(self.lines)

    def _connect(self) -> None:
        for field in (self.width_field, self.depth_field):
            field.committed.connect(self._rest.start)
        self._again.clicked.connect(self._draw_again)
        self._again.setToolTip("Draw the sampled continuation with another seed")
        self.view.picked.connect(self._picked)
        self.lines.picked.connect(self._line_picked)

    @property
    def tree(self) -> BeamTree | None:
        """The tree in view."""
        return self.view.tree

    def want(self, at: int, steps: int, run: str, text: str | None, choosing: Choosing) -> None:
        """Search after step `at` of the text, as soon as the cursor rests."""
        new = at, steps, run, text, choosing
        if new != (self._at, self._steps, self._run, self._text, self._choosing):
            self._at, self._steps, self._run, self._text, self._choosing = new
            self._rest.start()
        elif self.look.aim is None or not self._session.looks.rests():
            self.ask()

    @Slot()
    def ask(self) -> None:
        """Ask now; nothing is asked while the desk is out of sight."""
        if not self.isVisible():
            return
        how = self._choosing
        wish = BeamOf(
            self._at, self._steps, round(self.width_field.value()),
            round(self.depth_field.value()), how.temperature, how.top_k, how.top_p, self._seed,
        )  # fmt: skip
        self.look.want(self._session.looks.aim(wish, run=self._run, text=self._text))

    @Slot()
    def _draw_again(self) -> None:
        self._seed += 1
        self.ask()

    @Slot()
    def _came(self) -> None:
        looked, refused = self.look.looked, self.look.refused
        if refused is not None:
            self._told.setText(f"{refused.what}: {refused.why}")
            self.view.set_tree(None)
            self.lines.set_rows([])
        elif looked is not None and looked.reading is not self._drawn:
            self._drawn = looked.reading
            self._show(looked.reading)  # type: ignore[arg-type]

    def _show(self, tree: BeamTree) -> None:
        self.view.set_tree(tree)
        before = joined(tree.context[-_SHOWN:])
        self._told.setText(f"after {tree.at + 1:,}: …{before} · numbers at the ends: ln p")
        self._show_lines(tree, 0 if tree.ends else -1)
        self._tell_branch(self.view.chosen)

    def _show_lines(self, tree: BeamTree, mark: int) -> None:
        """List the beams, then the greedy and the sampled continuation."""
        found = [
            (f"beam {number + 1}", words_to(tree, end), float(tree.total[end]), end)
            for number, end in enumerate(tree.ends[:_SHOWN])
        ]
        found += [
            (other.way, tuple(tree.symbols[int(t)] for t in other.tokens),
             float(other.log_p.sum()), -1)
            for other in tree.others
        ]  # fmt: skip
        self._nodes = [node for *_, node in found]
        rows = [
            (f"{name:<8} {joined(words)}", float(np.exp(total / max(1, len(words)))))
            for name, words, total, _ in found
        ]
        texts = [f"ln p = {format_number(total, '.2f')}" for _, _, total, _ in found]
        self.lines.set_rows(rows, mark, texts)

    def _tell_branch(self, node: int) -> None:
        tree = self.tree
        if tree is None or node < 0:
            self._chosen.setText("")
            return
        words = joined(words_to(tree, node))
        total = float(tree.total[node])
        told = f"ln p = {format_number(total, '.2f')}, p = {format_number(np.exp(total), 'sci')}"
        self._chosen.setText(f"“{words}”  {told}")

    @Slot(int)
    def _picked(self, node: int) -> None:
        self.view.set_chosen(node)
        if self.tree is not None:
            self._show_lines(self.tree, self._nodes.index(node) if node in self._nodes else -1)
        self._tell_branch(node)

    @Slot(int)
    def _line_picked(self, row: int) -> None:
        if self._nodes[row] >= 0:
            self._picked(self._nodes[row])

    def forget(self) -> None:
        """Drop the tree: another run takes its place."""
        self.look.drop()
        self.view.set_tree(None)
        self.lines.set_rows([])

    @Slot()
    def restyle(self) -> None:
        """Repaint the well in the theme in force."""
        self.update()

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        QPainter(self).fillRect(self.rect(), theme().color("surface0"))
