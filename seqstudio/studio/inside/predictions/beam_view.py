"""`BeamView`: a beam search as a tree that grows to the right; branches can be clicked."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import (
    QFontMetricsF,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget
from typing_extensions import override

from seqstudio.records.inside.predictions import BeamTree
from seqstudio.studio.inside.embedding.map import joined, symbol_name
from seqstudio.studio.theme import faded, follow_theme, painting, pen, theme
from seqstudio.studio.widgets import format_number

_TOP, _LEFT, _RIGHT = 22.0, 16.0, 72.0
_ROW = 21.0
_CONTEXT = 12


class BeamTreeLayout:
    """Where the nodes of a tree stand: a row a leaf, parents in the middle of their children.

    Attributes:
        row: (N,) row of every node, in leaves.
        rows: Number of leaves.
        alive: (N,) whether a surviving beam goes through.
    """

    def __init__(self, tree: BeamTree) -> None:
        count = len(tree.parent)
        children: list[list[int]] = [[] for _ in range(count + 1)]
        for node, parent in enumerate(tree.parent):
            children[int(parent)].append(node)
        self._children = children
        self.alive: NDArray[np.bool_] = np.zeros(count, bool)
        for end in tree.ends:
            self.alive[list(path_to(tree, end))] = True
        self.row: NDArray[np.float64] = np.zeros(count)
        self.rows = 0
        for root in children[-1]:
            self._place(root)

    def _place(self, root: int) -> None:
        """Give rows to a branch, children before their parent, without recursion."""
        stack = [(root, False)]
        while stack:
            node, seen = stack.pop()
            below = self._children[node]
            if seen:
                self.row[node] = np.mean([self.row[child] for child in below])
            elif below:
                stack.append((node, True))
                stack += [(child, False) for child in reversed(below)]
            else:
                self.row[node] = self.rows
                self.rows += 1


def path_to(tree: BeamTree, node: int) -> Iterator[int]:
    """Yield a node and those before it, back to the first step."""
    while node >= 0:
        yield node
        node = int(tree.parent[node])


def words_to(tree: BeamTree, node: int) -> tuple[str, ...]:
    """Return the tokens that lead to a node."""
    return tuple(tree.symbols[int(tree.token[each])] for each in path_to(tree, node))[::-1]


def _node_widths(tree: BeamTree | None) -> NDArray[np.float64]:
    """Return how wide every node is drawn."""
    if tree is None:
        return np.zeros(0)
    metrics = QFontMetricsF(theme().font("mono"))
    names = (symbol_name(tree.symbols[int(token)]) for token in tree.token)
    return np.array([max(20.0, metrics.horizontalAdvance(name) + 8) for name in names])


class BeamView(QWidget):
    """The tree; bright branches survived, pale ones were dropped.

    Signals:
        picked(int): node that was clicked or reached with the arrow keys.
    """

    picked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.tree: BeamTree | None = None
        self._layout: BeamTreeLayout | None = None
        self._widths = np.zeros(0)
        self.chosen = self._hover = -1
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Beam tree")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.MinimumExpanding)
        follow_theme(self)

    def set_tree(self, tree: BeamTree | None) -> None:
        """Show another tree; its best branch is chosen."""
        self.tree = tree
        self._layout = None if tree is None else BeamTreeLayout(tree)
        self._widths = _node_widths(tree)
        self.chosen = tree.ends[0] if tree is not None and tree.ends else -1
        self._hover = -1
        self.updateGeometry()
        self.update()

    def set_chosen(self, node: int) -> None:
        """Mark the branch that leads to a node."""
        self.chosen = node
        self.update()

    @override
    def minimumSizeHint(self) -> QSize:
        rows = self._layout.rows if self._layout else 1
        deep = int(self.tree.depth.max(initial=0)) + 1 if self.tree is not None else 1
        pitch = float(self._widths.max(initial=20.0)) + 14.0
        width = _LEFT + _RIGHT + self._before() + deep * pitch
        return QSize(round(width), round(2 * _TOP + rows * _ROW))

    @override
    def sizeHint(self) -> QSize:
        return self.minimumSizeHint()

    @Slot()
    def restyle(self) -> None:
        """Take colours and fonts of the theme in force."""
        self.updateGeometry()
        self.update()

    # Where things are

    def _before(self) -> float:
        """Room of the text before the tree."""
        return QFontMetricsF(theme().font("mono")).horizontalAdvance("0") * _CONTEXT + 12

    def place(self, node: int) -> QPointF:
        """Return the middle of a node."""
        assert self.tree is not None
        assert self._layout is not None
        deep = int(self.tree.depth.max()) + 1
        start = _LEFT + self._before()
        pitch = (self.width() - start - _RIGHT) / max(1, deep)
        room = max(self.height() - 2 * _TOP, 1.0)
        row = min(_ROW * 1.6, room / max(1, self._layout.rows))
        top = (self.height() - row * self._layout.rows) / 2
        x = start + (int(self.tree.depth[node]) + 0.6) * pitch
        return QPointF(x, top + (self._layout.row[node] + 0.5) * row)

    def _root(self) -> QPointF:
        return QPointF(_LEFT + self._before() - 6, self.height() / 2)

    def node_at(self, place: QPointF) -> int:
        """Return the node under a pixel, -1 for none."""
        if self.tree is None:
            return -1
        for node in range(len(self.tree.parent)):
            away = self.place(node) - place
            if abs(away.x()) < self._widths[node] / 2 + 4 and abs(away.y()) < 11:
                return node
        return -1

    # Pointer and keys

    @override
    def mouseMoveEvent(self, event: QMouseEvent, /) -> None:
        node = self.node_at(event.position())
        if node != self._hover:
            self._hover = node
            self.setToolTip(self._tip(node) if node >= 0 else "")
            self.update()

    def _tip(self, node: int) -> str:
        assert self.tree is not None
        log_p, total = float(self.tree.log_p[node]), float(self.tree.total[node])
        return f"p = {np.exp(log_p):.3f}, ln p from here on = {format_number(total, '.2f')}"

    @override
    def leaveEvent(self, event: QEvent, /) -> None:
        self._hover = -1
        self.update()

    @override
    def mousePressEvent(self, event: QMouseEvent, /) -> None:
        node = self.node_at(event.position())
        if event.button() == Qt.MouseButton.LeftButton and node >= 0:
            self.picked.emit(node)

    @override
    def keyPressEvent(self, event: QKeyEvent, /) -> None:
        target = self._target(Qt.Key(event.key()))
        if target is None:
            super().keyPressEvent(event)
        else:
            self.picked.emit(target)

    def _target(self, key: Qt.Key) -> int | None:
        """Return the node that an arrow key leads to."""
        tree, here = self.tree, self.chosen
        if tree is None or here < 0:
            return None
        alike = [n for n in range(len(tree.depth)) if tree.depth[n] == tree.depth[here]]
        alike.sort(key=lambda n: self.place(n).y())
        below = [n for n in range(len(tree.parent)) if tree.parent[n] == here]
        row = alike.index(here)
        targets = {
            Qt.Key.Key_Left: int(tree.parent[here]) if tree.parent[here] >= 0 else here,
            Qt.Key.Key_Right: max(below, key=lambda n: float(tree.total[n]), default=here),
            Qt.Key.Key_Up: alike[max(0, row - 1)],
            Qt.Key.Key_Down: alike[min(len(alike) - 1, row + 1)],
        }
        return targets.get(key)

    # Painting

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self) as painter:
            painter.fillRect(self.rect(), theme().color("surface0"))
            if self.tree is None or self._layout is None:
                return
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            marked = set(path_to(self.tree, self.chosen))
            for node in range(len(self.tree.parent)):
                self._paint_edge(painter, node, node in marked)
            self._paint_context(painter)
            for node in range(len(self.tree.parent)):
                self._paint_node(painter, node, node in marked)
            self._paint_totals(painter)

    def _paint_edge(self, painter: QPainter, node: int, marked: bool) -> None:
        assert self.tree is not None
        assert self._layout is not None
        parent, end = int(self.tree.parent[node]), self.place(node)
        start = self._root()
        if parent >= 0:
            start = self.place(parent) + QPointF(self._widths[parent] / 2, 0)
        end = end - QPointF(self._widths[node] / 2, 0)
        bend = (end.x() - start.x()) / 2
        path = QPainterPath(start)
        path.cubicTo(start + QPointF(bend, 0), end - QPointF(bend, 0), end)
        p = float(np.exp(self.tree.log_p[node]))
        alive = bool(self._layout.alive[node])
        colour = theme().color("accent") if marked else theme().role("output")
        strength = 1.0 if marked else 0.75 if alive else 0.3
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(pen(faded(colour, strength), 1.0 + 4.0 * p))
        painter.drawPath(path)

    def _paint_context(self, painter: QPainter) -> None:
        assert self.tree is not None
        painter.setFont(theme().font("mono"))
        painter.setPen(theme().color("textMid"))
        text = joined(self.tree.context)
        room = QRectF(_LEFT - 6, self.height() / 2 - 12, self._before(), 24)
        shown = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideLeft,
                                                 int(room.width() - 6))  # fmt: skip
        painter.drawText(room, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, shown)

    def _paint_node(self, painter: QPainter, node: int, marked: bool) -> None:
        assert self.tree is not None
        assert self._layout is not None
        place = self.place(node)
        name = symbol_name(self.tree.symbols[int(self.tree.token[node])])
        painter.setFont(theme().font("mono"))
        width = self._widths[node]
        rect = QRectF(place.x() - width / 2, place.y() - 9, width, 18)
        alive = bool(self._layout.alive[node])
        fill = "accentSoft" if marked else "surface3" if alive else "surface1"
        outline = theme().color("accent" if marked else "lineStrong")
        hot = node == self._hover
        painter.setPen(pen(theme().color("textHi") if hot else outline, 1.0))
        painter.setBrush(theme().color(fill))
        painter.drawRoundedRect(rect, theme().radius("tag"), theme().radius("tag"))
        painter.setPen(theme().color("textHi" if alive or marked else "textLow"))
        painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, name)

    def _paint_totals(self, painter: QPainter) -> None:
        assert self.tree is not None
        painter.setFont(theme().font("monoSmall"))
        painter.setPen(theme().color("textMid"))
        for end in self.tree.ends:
            place = self.place(end)
            room = QRectF(place.x() + self._widths[end] / 2 + 6, place.y() - 8, _RIGHT, 16)
            told = format_number(float(self.tree.total[end]), ".2f")
            painter.drawText(
                room, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, told
            )
