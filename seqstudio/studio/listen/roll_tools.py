"""`RollTools`: the row above a roll: tool, grid, lane, what the colours say, undo."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QWidget
from typing_extensions import override

from seqstudio.music.edits import GRIDS, Grid
from seqstudio.studio.listen.colouring import MODES, Scale, map_brushes
from seqstudio.studio.listen.roll_editor import LANES, TOOLS, RollEditor
from seqstudio.studio.listen.roll_keys import key_of
from seqstudio.studio.theme import follow_theme, painting, theme
from seqstudio.studio.widgets import (
    Button,
    ComboField,
    IconButton,
    Label,
    NumberField,
    Segments,
    format_number,
)

_BAR_PX = 96
_GAP, _CLOSE, _LEFT, _RIGHT = 16, 6, 12, 8


class RollTools(QWidget):
    """Controls of a roll.

    Args:
        editor: What they act on.

    Signals:
        colour_wanted(str): another of `colouring.MODES`.
        place_wanted(object): another layer with units, or place of attention: (block, layer).
        number_wanted(int): another unit, or head, from 0.
        tracks_wanted(bool): show the tracks, or hide them.
    """

    colour_wanted = Signal(str)
    place_wanted = Signal(object)
    number_wanted = Signal(int)
    tracks_wanted = Signal(bool)

    def __init__(self, editor: RollEditor, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.editor = editor
        self.tracks = IconButton("table", "Tracks", checkable=True)
        self.tool = Segments(TOOLS, name="Tool")
        self.grid = ComboField([(grid, grid.title) for grid in GRIDS], editor.grid, name="Grid")
        self.grid.setMinimumContentsLength(6)
        self.quantise = Button("Quantise", kind="text", key=key_of("quantise"))
        self.strength = NumberField(100, 0, 100, form="int", name="Strength of quantising in %")
        self.lane = Segments(LANES, editor.lane, name="Lane below")
        self.colour = ComboField(MODES, "probability", name="Colour of notes")
        self.place = ComboField((), name="Layer")
        self.number = NumberField(0, 0, 1, form="int", name="Unit")
        self.scale = ScaleKey()
        self.undo = IconButton("undo", "Undo the last edit of the tune", key=key_of("undo"))
        self.redo = IconButton("redo", "Redo it", key=key_of("redo"))
        self._labels = {name: Label(name, "small", "textMid") for name in ("Grid", "%", "Colour")}
        self._lay_out()
        self._connect()
        self.show_choices((), None, 0, "")
        follow_theme(self)

    def _lay_out(self) -> None:
        labels, row = self._labels, QHBoxLayout(self)
        row.setContentsMargins(_LEFT, 4, _RIGHT, 4)
        row.setSpacing(_GAP)
        row.setSizeConstraint(QHBoxLayout.SizeConstraint.SetNoConstraint)
        self._groups = (
            _group(self.tracks, self.tool),
            _group(labels["Grid"], self.grid, self.quantise, self.strength, labels["%"]),
            _group(self.lane),
            _group(labels["Colour"], self.colour, self.place, self.number, self.scale),
        )
        for group in self._groups:
            row.addWidget(group)
        row.addStretch(1)
        self._history = _group(self.undo, self.redo)
        row.addWidget(self._history)
        for combo in (self.grid, self.colour, self.place):
            combo.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.place.setMinimumContentsLength(14)
        self.quantise.setToolTip("Pull the selected notes, or all, to the grid (Q)")
        self.tool.setToolTip("Select (1), draw (2); a double click draws too")

    def _connect(self) -> None:
        editor = self.editor
        self.tool.value_changed.connect(editor.set_tool)
        self.grid.committed.connect(self._grid_chosen)
        self.quantise.clicked.connect(editor.quantise)
        self.strength.value_changed.connect(self._strength_changed)
        self.lane.value_changed.connect(editor.set_lane)
        self.colour.committed.connect(self._colour_chosen)
        self.place.committed.connect(self.place_wanted)
        self.number.value_changed.connect(self._number_changed)
        self.undo.clicked.connect(editor.undo_wanted)
        self.redo.clicked.connect(editor.redo_wanted)
        self.tracks.toggled.connect(self.tracks_wanted)
        editor.changed.connect(self.read)

    @Slot()
    def read(self) -> None:
        """Show what is chosen in the roll."""
        self.tool.set_value(self.editor.tool)
        self.lane.set_value(self.editor.lane)
        self.grid.set_value(self.editor.grid)

    def show_history(self, undo: str, redo: str) -> None:
        """Say what can be undone and redone, "" for nothing."""
        self.undo.setEnabled(bool(undo))
        self.undo.set_tip(f"Undo: {undo}" if undo else "Undo the last edit of the tune")
        self.redo.setEnabled(bool(redo))
        self.redo.set_tip(f"Redo: {redo}" if redo else "Redo it")

    def show_choices(
        self, places: Sequence[tuple[object, str]], place: object, count: int, what: str,
        number: int = 0,
    ) -> None:  # fmt: skip
        """Show which layer or place of attention, and which unit or head, the colours are of.

        Args:
            places: All there are, (value, words).
            place: The one in view.
            count: Units or heads that it has, 0 hides the number.
            what: "Unit" or "Head".
            number: The one in view, from 0.
        """
        self.place.setVisible(bool(places))
        if places:
            self.place.set_options(places)
            self.place.set_value(place)
        self.number.setVisible(count > 0)
        self._fit()
        if count:
            self._first = int(what == "Head")  # heads are counted from 1 everywhere
            self.number.set_range(self._first, count - 1 + self._first)
            self.number.set_value(number + self._first)
            self.number.setAccessibleName(what)
            self.number.setToolTip(f"{what}, of {count}")

    def show_scale(self, scale: Scale | None) -> None:
        """Show what the colours stand for."""
        self.scale.set_scale(scale)
        self._fit()

    _first = 0

    @Slot(object)
    def _grid_chosen(self, grid: object) -> None:
        if isinstance(grid, Grid):
            self.editor.set_grid(grid)

    @Slot(object)
    def _strength_changed(self, percent: object) -> None:
        if isinstance(percent, int | float):
            self.editor.strength = float(percent) / 100

    @Slot(object)
    def _colour_chosen(self, mode: object) -> None:
        self.colour_wanted.emit(str(mode))

    @Slot(object)
    def _number_changed(self, number: object) -> None:
        if isinstance(number, int | float):
            self.number_wanted.emit(int(number) - self._first)

    # Room

    @override
    def resizeEvent(self, event: QResizeEvent, /) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """Leave out what does not fit, the least needed first; keys do the same."""
        labels = self._labels
        self.scale.setVisible(self.scale.scale is not None)
        gives_way: tuple[tuple[QWidget, ...], ...] = (
            (labels["Grid"], labels["Colour"]),
            (self.strength, labels["%"]),
            (self._groups[2],),
            (self.quantise,),
            (self.tool,),
            (self.scale,),
            (self._groups[1],),
        )
        for group in (*gives_way[:-2], gives_way[-1]):
            for widget in group:
                widget.show()
        for group in gives_way:
            if self._needed() <= self.width():
                return
            for widget in group:
                widget.hide()

    def _needed(self) -> int:
        """Return how wide everything is that is shown, at its usual size.

        Layouts learn only later that something was hidden, so that they cannot be asked.
        """
        widths = [
            sum(map(_usual_width, shown)) + _CLOSE * (len(shown) - 1)
            for group in (*self._groups, self._history)
            if not group.isHidden() and (shown := _shown_in(group))
        ]
        return sum(widths) + _GAP * len(widths) + _LEFT + _RIGHT

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(240, super().minimumSizeHint().height())

    @Slot()
    def restyle(self) -> None:
        """Take measures from the theme in force."""
        self.setFixedHeight(theme().metric("panelHeader") + 4)
        self.strength.setFixedWidth(44)
        self.number.setFixedWidth(52)
        self.update()

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self) as painter:
            painter.fillRect(self.rect(), theme().color("surface1"))


def _group(*widgets: QWidget) -> QWidget:
    """Return controls that stand close together."""
    group = QWidget()
    row = QHBoxLayout(group)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(_CLOSE)
    for widget in widgets:
        row.addWidget(widget)
    return group


def _shown_in(group: QWidget) -> list[QWidget]:
    children = group.findChildren(QWidget, options=Qt.FindChildOption.FindDirectChildrenOnly)
    return [child for child in children if not child.isHidden()]


def _usual_width(widget: QWidget) -> int:
    return min(max(widget.sizeHint().width(), widget.minimumWidth()), widget.maximumWidth())


class ScaleKey(QWidget):
    """A colour scale: its map 96 × 8, and what its ends stand for.

    Attributes:
        scale: What is shown, None for nothing.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.scale: Scale | None = None
        follow_theme(self)

    def set_scale(self, scale: Scale | None) -> None:
        """Show another scale."""
        if scale != self.scale:
            self.scale = scale
            self.setToolTip(scale.words if scale is not None else "")
            self.restyle()

    def _ends(self) -> tuple[str, str]:
        assert self.scale is not None
        low, high = (float(f"{end:.2g}") for end in (self.scale.low, self.scale.high))
        return format_number(low), f"{format_number(high)} {self.scale.unit}".rstrip()

    @Slot()
    def restyle(self) -> None:
        """Take font and width from the theme in force."""
        self.setFont(theme().font("axis"))
        width = _BAR_PX + 12
        if self.scale is not None:
            width += sum(self.fontMetrics().horizontalAdvance(end) for end in self._ends())
        self.setFixedSize(width, theme().line_height("axis") + 4)
        self.update()

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        if self.scale is None:
            return
        with painting(self) as painter:
            low, high = self._ends()
            painter.setFont(theme().font("axis"))
            painter.setPen(theme().color("textLow"))
            middle = Qt.AlignmentFlag.AlignVCenter
            painter.drawText(self.rect(), middle | Qt.AlignmentFlag.AlignLeft, low)
            painter.drawText(self.rect(), middle | Qt.AlignmentFlag.AlignRight, high)
            left = painter.fontMetrics().horizontalAdvance(low) + 6
            brushes = map_brushes(self.scale.quantity)
            for pixel in range(_BAR_PX):
                column = QRectF(left + pixel, self.height() / 2 - 4, 1, 8)
                painter.fillRect(column, brushes[round(pixel / (_BAR_PX - 1) * 255)])
