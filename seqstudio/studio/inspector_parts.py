"""Parts of the inspector: emblem, table, live values, problems with their remedies."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial

from PySide6.QtCore import QRectF, Qt, Slot
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QGridLayout, QVBoxLayout, QWidget
from typing_extensions import override

from seqstudio.blocks import editing
from seqstudio.blocks.catalogue import KINDS
from seqstudio.blocks.check import Problem
from seqstudio.blocks.declaration import BlockKind
from seqstudio.document.project import Project
from seqstudio.studio.theme import follow_theme, icon_pixmap, painting, theme
from seqstudio.studio.widgets import Button, InlineError, Label, ProgressBar

_SHARE = re.compile(r"(\d*\.?\d+)\s*(%?)")


class Emblem(QWidget):
    """The icon of a block, 28, on the tint of its role."""

    def __init__(self, kind: BlockKind | None, parent: QWidget) -> None:
        super().__init__(parent)
        self._kind = kind
        self.setFixedSize(28, 28)
        follow_theme(self)

    @Slot()
    def restyle(self) -> None:
        """Repaint in the theme in force."""
        self.update()

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        style = theme()
        with painting(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            kind = self._kind
            painter.setBrush(style.role_header(kind.role) if kind else style.color("surface3"))
            painter.drawRoundedRect(QRectF(self.rect()), 6, 6)
            colour = style.role_icon(kind.role) if kind else style.color("textHi")
            painter.drawPixmap(5, 5, icon_pixmap(kind.icon if kind else "help", 18, colour))


class Table(QWidget):
    """Rows of name, value in the fixed font, and a word at the right."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.rows: list[tuple[str, str, str]] = []
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setVerticalSpacing(6)
        self._grid.setColumnStretch(1, 1)

    def fill(self, rows: list[tuple[str, str, str]]) -> None:
        """Show other rows."""
        if rows == self.rows:
            return
        self.rows = rows
        while (item := self._grid.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        for index, (name, value, word) in enumerate(rows):
            self._grid.addWidget(Label(name, "body", "textMid", parent=self), index, 0)
            self._grid.addWidget(Label(value, "mono", "textHi", parent=self), index, 1)
            last = Label(word, "small", "textLow", parent=self)
            self._grid.addWidget(last, index, 2, Qt.AlignmentFlag.AlignRight)
        self._grid.setColumnMinimumWidth(0, theme().metric("formLabel"))


class LiveValues(QWidget):
    """Values of this moment with bars of 4 px where a value is a share."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setColumnStretch(1, 1)
        self._rows: dict[str, tuple[ProgressBar, Label]] = {}
        self._names: tuple[str, ...] = ()

    def tell(self, values: Mapping[str, str]) -> None:
        """Show values; other names lay the rows out anew, other numbers do not."""
        if tuple(values) != self._names:
            self._lay_out(tuple(values))
        for name, text in values.items():
            bar, label = self._rows[name]
            share = share_of(text)
            bar.setVisible(share is not None)
            bar.set_fraction(share or 0.0)
            label.setText(text)

    def _lay_out(self, names: tuple[str, ...]) -> None:
        while (item := self._grid.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        self._names, self._rows = names, {}
        for row, name in enumerate(names):
            bar, value = ProgressBar("textMid", name=name, parent=self), Label("", "mono")
            value.setParent(self)
            self._rows[name] = (bar, value)
            self._grid.addWidget(Label(name, "body", "textMid", parent=self), row, 0)
            self._grid.addWidget(bar, row, 1, Qt.AlignmentFlag.AlignVCenter)
            self._grid.addWidget(value, row, 2, Qt.AlignmentFlag.AlignRight)


def share_of(text: str) -> float | None:
    """Return a live value as a share of 1: "31 %" is 0.31, "0.87" itself.

    None for everything else, "4.2e-3" too: powers of ten belong to norms, not to shares.
    """
    found = _SHARE.fullmatch(text.strip())
    if found is None:
        return None
    value = float(found[1]) / (100.0 if found[2] else 1.0)
    return value if value <= 1.0 else None


class Problems(QWidget):
    """Problems in words, each with a button that mends it where one block would."""

    def __init__(self, parent: QWidget, mend: Callable[[Problem], None]) -> None:
        super().__init__(parent)
        self._mend = mend
        self._shown: tuple[Problem, ...] = ()
        self.cards: list[InlineError] = []
        self.remedies: list[Button] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 8)
        self._column.setSpacing(8)
        self.hide()

    def tell(self, problems: Iterable[Problem], project: Project) -> None:
        """Show these problems."""
        new = tuple(problems)
        self.setVisible(bool(new))
        if new == self._shown:
            return
        self._shown = new
        for old in self.cards:
            old.hide()
            self._column.removeWidget(old)
            old.deleteLater()
        self.cards, self.remedies = [], []
        for problem in new:
            card = InlineError(
                problem.what,
                _capital(problem.why),
                hint=_capital(problem.hint),
                severity="error" if problem.error else "warn",
                parent=self,
            )
            self._add_remedy(card, problem, project)
            self._column.addWidget(card)
            self.cards.append(card)

    def _add_remedy(self, card: InlineError, problem: Problem, project: Project) -> None:
        wired = problem.block in project.graph.blocks
        wire = project.graph.into(problem.block).get(problem.port) if wired else None
        if not problem.remedy or wire is None:
            return
        if not editing.can_insert(project.graph, problem.remedy, wire):
            return
        button = card.add_action(f"Insert {KINDS[problem.remedy].title}")
        button.clicked.connect(partial(self._mend, problem))
        self.remedies.append(button)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
