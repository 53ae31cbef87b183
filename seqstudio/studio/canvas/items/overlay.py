"""What stands still above the canvas: dimensions, legend, minimap, tools."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QFontMetricsF, QMouseEvent, QPainter, QPaintEvent, QPixmap, QTransform
from PySide6.QtWidgets import QFrame, QHBoxLayout, QToolButton, QWidget
from typing_extensions import override

from seqstudio.blocks.cost import Cost, bytes_in_words, in_words
from seqstudio.blocks.declaration import DataFacts
from seqstudio.document.settings import TrainingSettings
from seqstudio.studio.canvas.items.block_item import draw_glyph
from seqstudio.studio.canvas.scene import CanvasScene
from seqstudio.studio.keys import follow_keys, keymap
from seqstudio.studio.theme import faded, follow_theme, painting, pen, theme
from seqstudio.studio.widgets import IconButton

MINIMAP_SIZE = QSize(150, 84)
_LEGEND = (("tensor", "tensor"), ("ids", "ids"), ("state", "state"))


class Dimensions(QWidget):
    """The sizes of the open dimensions, and what the model costs, at the top left."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._words: tuple[tuple[str, str, str], ...] = ()
        follow_theme(self)

    def tell(self, facts: DataFacts, cost: Cost, training: TrainingSettings) -> None:
        """Show the sizes of B and T, and what the graph in view costs in training."""
        memory = bytes_in_words(cost.memory(training).total).rpartition(" ")
        macs = in_words(cost.macs).partition(" ")
        total: tuple[tuple[str, str, str], ...] = (
            ("", f"{cost.parameters:,}", "param."),
            ("", memory[0], memory[2]),
            ("", macs[0], f"{macs[2]} mult.-adds".strip()),
        )
        total = total if cost.parameters or cost.macs else ()
        sizes = (("B", f"{facts.batch:,}", ""), ("T", f"{facts.window:,}", ""))
        self._words = (*sizes, *total)
        self.setAccessibleName(" ".join(" ".join(part) for part in self._words))
        self.restyle()

    @Slot()
    def restyle(self) -> None:
        """Take font and size from the theme in force."""
        self.resize(int(self._lay(None)) + 2, theme().line_height("mono"))
        self.update()

    def _lay(self, painter: QPainter | None) -> float:
        font = theme().font("mono")
        metrics, x = QFontMetricsF(font), 0.0
        for before, number, behind in self._words:
            parts = ((before, "textLow"), (number, "textHi"), (behind, "textLow"))
            for text, token in parts:
                if not text:
                    continue
                if painter is not None:
                    painter.setPen(theme().color(token))
                    painter.drawText(QPointF(x, metrics.ascent() + 2), text)
                x += metrics.horizontalAdvance(text + " ")
            x += metrics.horizontalAdvance(" ")
        return x

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self) as painter:
            _draw_backing(painter, self)
            painter.setFont(theme().font("mono"))
            self._lay(painter)


def _draw_backing(painter: QPainter, widget: QWidget) -> None:
    """Keep words readable where a block lies under them."""
    painter.fillRect(widget.rect(), faded(theme().color("canvas"), 0.85))


class PortLegend(QWidget):
    """The glyphs of ports with their names, at the bottom left."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAccessibleName("Ports: circle tensor, square ids, diamond state")
        follow_theme(self)

    @Slot()
    def restyle(self) -> None:
        """Take font and size from the theme in force."""
        self.resize(int(self._lay(None)), 20)
        self.update()

    def _lay(self, painter: QPainter | None) -> float:
        metrics, x = QFontMetricsF(theme().font("axis")), 8.0
        for kind, word in _LEGEND:
            if painter is not None:
                painter.setPen(pen(theme().color("textMid"), 1.75))
                draw_glyph(painter, kind, QPointF(x, 10))
                painter.drawText(QPointF(x + 12, 10 + metrics.capHeight() / 2), word)
            x += metrics.horizontalAdvance(word) + 36
        return x

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            _draw_backing(painter, self)
            painter.setFont(theme().font("axis"))
            self._lay(painter)


class Minimap(QWidget):
    """The whole graph in small, with the part in view and the errors; click or drag to go there.

    Signals:
        went: Scene point to centre the view on.
    """

    went = Signal(QPointF)

    def __init__(self, scene: CanvasScene, parent: QWidget) -> None:
        super().__init__(parent)
        self._scene = scene
        self._seen = QRectF()
        self._picture: QPixmap | None = None
        self.setFixedSize(MINIMAP_SIZE)
        self.setAccessibleName("Minimap")
        self.setToolTip("Click to go there")
        follow_theme(self)

    def tell(self, seen: QRectF) -> None:
        """Show which part of the scene is in view."""
        self._seen = seen
        self.update()

    def forget(self) -> None:
        """Paint the blocks anew the next time: some have changed."""
        self._picture = None

    @Slot()
    def restyle(self) -> None:
        """Repaint in the theme in force."""
        self._picture = None
        self.update()

    def _transform(self) -> QTransform:
        whole = self._scene.content().adjusted(-24, -24, 24, 24)
        inner = QRectF(self.rect()).adjusted(6, 6, -6, -6)
        zoom = min(inner.width() / whole.width(), inner.height() / whole.height())
        result = QTransform.fromTranslate(inner.center().x(), inner.center().y())
        result.scale(zoom, zoom)
        return result.translate(-whole.center().x(), -whole.center().y())

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        style = theme()
        with painting(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(pen(style.color("lineStrong"), 1.0))
            painter.setBrush(faded(style.color("surface1"), 0.94))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)
            painter.setClipRect(self.rect().adjusted(2, 2, -2, -2))
            transform = self._transform()
            painter.drawPixmap(0, 0, self._map(transform))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(pen(style.color("textMid"), 1.0))
            bounds = QRectF(self.rect()).adjusted(3.5, 3.5, -3.5, -3.5)
            painter.drawRoundedRect(transform.mapRect(self._seen).intersected(bounds), 3, 3)

    def _map(self, transform: QTransform) -> QPixmap:
        """Return frames and blocks as a picture, painted again only when these have changed."""
        if self._picture is None:
            ratio = self.devicePixelRatioF()
            self._picture = QPixmap(self.size() * ratio)
            self._picture.setDevicePixelRatio(ratio)
            self._picture.fill(Qt.GlobalColor.transparent)
            with painting(self._picture) as painter:
                painter.setWorldTransform(transform)
                self._draw_frames(painter)
                self._draw_blocks(painter)
        return self._picture

    def _draw_frames(self, painter: QPainter) -> None:
        style = theme()
        for item in self._scene.frames.values():
            tone = style.role(item.frame.colour) if item.frame.colour else style.color("textLow")
            painter.fillRect(item.area, faded(tone, 0.30 if item.frame.note else 0.18))

    def _draw_blocks(self, painter: QPainter) -> None:
        """Draw blocks by colour, a call each: errors last, on top of all."""
        style, rows = theme(), dict[str, list[QRectF]]()
        for item in self._scene.blocks.values():
            role = "error" if item.face.problem else f"{item.face.mode} {item.face.role}"
            rows.setdefault(role, []).append(item.frame)
        painter.setPen(Qt.PenStyle.NoPen)
        for key in sorted(rows, key=lambda key: key == "error"):
            mode, _, role = key.partition(" ")
            plain = style.role(role) if role and mode != "mute" else style.color("textLow")
            tone = style.color("error") if key == "error" else plain
            painter.setBrush(faded(tone, 0.45) if mode in {"bypass", "mute"} else tone)
            painter.drawRects(rows[key])

    @override
    def mousePressEvent(self, event: QMouseEvent, /) -> None:
        self._go(event.position())

    @override
    def mouseMoveEvent(self, event: QMouseEvent, /) -> None:
        self._go(event.position())

    def _go(self, at: QPointF) -> None:
        inverted, possible = self._transform().inverted()
        if possible:
            self.went.emit(inverted.map(at))


class CanvasTools(QFrame):
    """Undo, redo, tidy, fit and zoom at the top right."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.undo = IconButton("undo", "Undo", parent=self)
        self.redo = IconButton("redo", "Redo", parent=self)
        self.tidy = IconButton("tidy", "Tidy", parent=self)
        self.fit = IconButton("fit", "Fit everything", parent=self)
        self.smaller = _word_button("−", "Zoom out", self)
        self.zoom = _word_button("100 %", "Zoom to 100 %", self)
        self.larger = _word_button("+", "Zoom in", self)
        row = QHBoxLayout(self)
        row.setContentsMargins(4, 2, 4, 2)
        row.setSpacing(2)
        for button in (self.undo, self.redo, self.tidy, self.fit):
            row.addWidget(button)
        for words in (self.smaller, self.zoom, self.larger):
            row.addWidget(words)
        follow_theme(self)
        follow_keys(self)

    @Slot()
    def rekey(self) -> None:
        """Tell the keys in force in the tool tips."""
        for button, name in (
            (self.undo, "edit.undo"),
            (self.redo, "edit.redo"),
            (self.tidy, "canvas.tidy"),
            (self.fit, "canvas.fit"),
            (self.smaller, "canvas.zoom_out"),
            (self.zoom, "canvas.reset_zoom"),
            (self.larger, "canvas.zoom_in"),
        ):
            button.setToolTip(keymap().named(button.accessibleName(), name))

    def tell_zoom(self, zoom: float) -> None:
        """Show the zoom as a percentage."""
        self.zoom.setText(f"{zoom * 100:.0f} %")

    @Slot()
    def restyle(self) -> None:
        """Take widths from the theme in force."""
        metrics = QFontMetricsF(theme().font("body"))
        self.zoom.setFixedWidth(int(metrics.horizontalAdvance("888 %")) + 20)
        for button in (self.smaller, self.larger):
            button.setFixedWidth(24)
        for button in (self.smaller, self.zoom, self.larger):
            button.setFixedHeight(24)
        self.adjustSize()
        self.update()

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(pen(theme().color("lineStrong"), 1.0))
            painter.setBrush(faded(theme().color("surface1"), 0.94))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 8, 8)


def _word_button(text: str, tip: str, parent: QWidget) -> QToolButton:
    button = QToolButton(parent)
    button.setText(text)
    button.setAccessibleName(tip)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return button
