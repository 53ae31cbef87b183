"""The two clocks: training step k and sequence time t. One cursor for the whole window."""

from __future__ import annotations

import math

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Slot
from PySide6.QtGui import (
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPolygonF,
    QResizeEvent,
)
from PySide6.QtWidgets import QWidget
from typing_extensions import override

from seqstudio.records.messages import Facts, Saved, StateChanged
from seqstudio.records.readings import (
    AttentionReading,
    GradientReading,
    Metrics,
    Sample,
)
from seqstudio.studio.film import Film
from seqstudio.studio.keys import Action, keymap, pressed, takes
from seqstudio.studio.session import Session
from seqstudio.studio.theme import follow_theme, painting, pen, theme
from seqstudio.studio.widgets import IconButton

LEFT = 148
RIGHT = 132
LOW_HEIGHT = 60
MOST_TOKENS, PAGE = 2000, 128
KINDS = frozenset({Metrics, GradientReading, AttentionReading, Sample, Facts, Saved, StateChanged})

ACTIONS = (
    Action("clocks.time_back", "One symbol back", "Two clocks", ("Left",), "clocks"),
    Action("clocks.time_on", "One symbol on", "Two clocks", ("Right",), "clocks"),
    Action("clocks.step_back", "Back in training", "Two clocks", ("Shift+Left",), "clocks"),
    Action("clocks.step_on", "On in training", "Two clocks", ("Shift+Right",), "clocks"),
    Action("clocks.live", "Back to live", "Two clocks", ("End",), "clocks"),
    Action("clocks.film", "Play training as a film", "Two clocks", ("Shift+Space",), "clocks"),
)


class Clocks(QWidget):
    """Two tracks: drag the upper to go back in training, the lower to move in the text.

    Left and right move t, with Shift k; End goes back to live.
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session = session
        keymap().declare(ACTIONS)
        self._drag = ""
        self._low = False
        self.film = Film(session)
        self._play = IconButton("play", "Play training as a film", key="Shift+Space", parent=self)
        self._play.clicked.connect(self.film.toggle)
        self.film.changed.connect(self._show_film)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setAccessibleName("Training step and sequence time")
        session.events.connect(self._arrived)
        session.cursor_changed.connect(self._moved)
        session.run_changed.connect(self._renew)
        session.facts_changed.connect(self._renew)
        session.project_changed.connect(self._moved)
        follow_theme(self)

    # ------------------------------------------------------------------ content

    @property
    def last_step(self) -> int:
        """End of the upper track: the budget, or the newest step where minutes count."""
        training, history = self.session.project.training, self.session.history
        if training.budget == "steps":
            return max(training.steps, history.step, 1)
        seconds = history.curves.seconds
        if len(seconds) and seconds[-1] > 0:
            whole = history.step * training.minutes * 60 / float(seconds[-1])
            return max(math.ceil(whole), history.step, 1)
        return max(history.step, 1)

    def tokens(self) -> tuple[str, ...]:
        """Return the texts of the time steps that the views share.

        That is the text that is looked at, else the start of the held-out part; of data that are
        drawn while training, what a reading shows.
        """
        history, step = self.session.history, self.session.step_in_view
        dataset = self.session.dataset
        if dataset is not None and dataset.vocabulary is not None and not dataset.source:
            text = self.session.project.sampling.probe_text
            ids = dataset.vocabulary.encode(text, skip_unknown=True) if text else dataset.valid
            if len(ids) > 1:
                return tuple(dataset.vocabulary.symbols[i] for i in ids[:MOST_TOKENS])
        for kind in ("attention", "gradient", "horizon"):
            reading = history.reading_at(kind, step)
            if isinstance(reading, (GradientReading, AttentionReading)):
                return reading.tokens
        return ()

    # ----------------------------------------------------------------- painting

    def _tracks(self) -> tuple[QRectF, QRectF]:
        width = max(self.width() - LEFT - RIGHT, 10)
        gap = 3 if self._low else 10
        top = (self.height() - 24 - 26 - gap) / 2
        return QRectF(LEFT, top, width, 24), QRectF(LEFT, top + 24 + gap, width, 26)

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        """Draw both tracks."""
        with painting(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.fillRect(0, 0, self.width(), 1, theme().color("line"))
            upper, lower = self._tracks()
            for track in (upper, lower):
                painter.fillRect(track, theme().color("surface0"))
            self._label(painter, upper, "Training step", "k")
            self._label(painter, lower, "Sequence time", "t")
            self._paint_training(painter, upper)
            self._paint_sequence(painter, lower)

    def _label(self, painter: QPainter, track: QRectF, words: str, letter: str) -> None:
        painter.setFont(theme().font("small"))
        painter.setPen(theme().color("textMid"))
        place = QRectF(12, track.top(), LEFT - 16, track.height())
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.drawText(place, middle, words)
        used = painter.fontMetrics().horizontalAdvance(words + " ")
        painter.setFont(theme().font("panelTitle"))
        painter.setPen(theme().color("textHi"))
        painter.drawText(place.adjusted(used, 0, 0, 0), middle, letter)

    def _paint_training(self, painter: QPainter, track: QRectF) -> None:
        history, last = self.session.history, self.last_step
        if not len(history.curves):
            painter.setFont(theme().font("small"))
            painter.setPen(theme().color("textLow"))
            words = "Nothing recorded yet. Press Train; every step leaves a mark to come back to."
            painter.drawText(track.adjusted(12, 0, -8, 0), Qt.AlignmentFlag.AlignVCenter, words)
            self._value(painter, track, "0", "")
            return
        self._paint_loss(painter, track, last)
        self._paint_marks(painter, track, last)
        step = self.session.step_in_view
        x = track.left() + track.width() * min(step / last, 1.0)
        self._cursor(painter, x, track)
        live = self.session.cursor.step is None
        self._chip(painter, x, track, live)
        self._value(painter, track, f"{step:,}", f" / {last:,}")

    def _paint_loss(self, painter: QPainter, track: QRectF, last: int) -> None:
        curves = self.session.history.curves
        columns = min(int(track.width()), len(curves))
        chosen = np.linspace(0, len(curves) - 1, columns).astype(np.int64)
        loss = curves.loss[chosen]
        good = loss[np.isfinite(loss)]
        if not len(good):
            return
        low, high = float(good.min()), float(good.max())
        span = max(high - low, 1e-9)
        xs = track.left() + track.width() * curves.steps[chosen] / last
        ys = track.bottom() - 3 - (track.height() - 6) * (loss - low) / span
        line = QPolygonF([QPointF(x, y) for x, y in zip(xs, ys, strict=True) if math.isfinite(y)])
        painter.setPen(pen(theme().color("textLow"), 1.2))
        painter.drawPolyline(line)

    def _paint_marks(self, painter: QPainter, track: QRectF, last: int) -> None:
        """Draw a triangle under every kept sample."""
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme().color("textLow"))
        seen = -100.0
        for sample in self.session.history.samples:
            x = track.left() + track.width() * sample.step / last
            if x - seen < 10:
                continue
            seen, y = x, track.bottom()
            points = [QPointF(x - 3, y), QPointF(x + 3, y), QPointF(x, y - 5)]
            painter.drawPolygon(QPolygonF(points))

    def _chip(self, painter: QPainter, x: float, track: QRectF, live: bool) -> None:
        words = "live" if live else "back to live"
        painter.setFont(theme().font("small"))
        width = painter.fontMetrics().horizontalAdvance(words) + 16
        left = min(x + 8, track.right() - width)
        if left < x + 8:
            left = x - 8 - width
        chip = QRectF(left, track.top() + 3, width, 18)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme().color("accent" if live else "surface3"))
        painter.drawRoundedRect(chip, 4, 4)
        painter.setPen(theme().color("onAccent" if live else "textMid"))
        painter.drawText(chip, Qt.AlignmentFlag.AlignCenter, words)

    def _paint_sequence(self, painter: QPainter, track: QRectF) -> None:
        whole = self.tokens()
        first, tokens = self._page(whole)
        if not tokens:
            painter.setFont(theme().font("small"))
            painter.setPen(theme().color("textLow"))
            words = self._nothing_to_show()
            painter.drawText(track.adjusted(12, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, words)
            return
        cell = track.width() / len(tokens)
        t = min(self.session.cursor.t - first, len(tokens) - 1)
        here = QRectF(track.left() + t * cell, track.top(), max(cell, 2), track.height())
        painter.fillRect(here, theme().color("accentSoft"))
        painter.setFont(theme().font("mono" if cell >= 9 else "monoSmall"))
        if cell >= 7:
            for index, token in enumerate(tokens):
                self._token(painter, QRectF(track.left() + index * cell, track.top(), cell,
                                            track.height()), token, index == t)  # fmt: skip
        else:
            self._paint_density(painter, track, tokens, t)
        self._cursor(painter, here.center().x(), track, narrow=True)
        shown = visible(tokens[t])
        self._value(painter, track, f"{first + t + 1}", f" / {len(whole)} {shown}")

    def _page(self, tokens: tuple[str, ...]) -> tuple[int, tuple[str, ...]]:
        """Return the part of a long text that the cursor is in, and where it begins."""
        if len(tokens) <= PAGE:
            return 0, tokens
        page = _page_of(tokens)
        first = min(self.session.cursor.t, len(tokens) - 1) // page * page
        first = min(first, len(tokens) - page)
        return first, tokens[first : first + page]

    def _nothing_to_show(self) -> str:
        dataset = self.session.dataset
        if dataset is None:
            return "No data yet"
        if dataset.vocabulary is None:
            return "The data have no symbols"
        return "These sequences are drawn while training; a reading shows one."

    def _paint_density(
        self, painter: QPainter, track: QRectF, tokens: tuple[str, ...], t: int
    ) -> None:
        """Draw a strip of marks where characters would be too narrow, readable at the cursor."""
        cell = track.width() / len(tokens)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme().color("lineStrong"))
        for index, token in enumerate(tokens):
            if not token.isspace():
                x = track.left() + index * cell
                painter.drawRect(QRectF(x, track.center().y() - 2, max(cell - 0.5, 0.5), 4))
        first = max(t - 12, 0)
        for index, token in enumerate(tokens[first : t + 13], first):
            x = track.left() + t * cell + (index - t) * 8
            if track.left() <= x <= track.right() - 8:
                spot = QRectF(x, track.top(), 8, track.height())
                painter.fillRect(spot, theme().color("surface0"))
                self._token(painter, spot, token, index == t)

    def _token(self, painter: QPainter, cell: QRectF, token: str, here: bool) -> None:
        if token.isspace() and token != "\n":
            return
        tone = "textLow" if token == "\n" else ("textHi" if here else "textMid")
        painter.setPen(theme().color(tone))
        metrics, words = painter.fontMetrics(), visible(token)
        if token.isdigit() and len(token) > 1:  # the number of a step: every tenth is enough
            words = words if int(token) % 10 == 0 else ""
            room = metrics.horizontalAdvance(words) - cell.width()
            cell = cell.adjusted(-room / 2, 0, room / 2, 0)
        elif len(words) > 1:
            elided = metrics.elidedText(words, Qt.TextElideMode.ElideRight, int(cell.width()) - 4)
            words = elided if elided == words or len(elided) > 2 else words[:1]
        painter.drawText(cell, Qt.AlignmentFlag.AlignCenter, words)

    def _cursor(self, painter: QPainter, x: float, track: QRectF, narrow: bool = False) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme().color("cursor"))
        top = track.top()
        head = [QPointF(x - 5, top - 4), QPointF(x + 5, top - 4), QPointF(x, top + 3)]
        painter.drawPolygon(QPolygonF(head))
        if narrow:
            low = track.bottom()
            foot = [QPointF(x - 5, low + 4), QPointF(x + 5, low + 4), QPointF(x, low - 3)]
            painter.drawPolygon(QPolygonF(foot))
        else:
            painter.drawRect(QRectF(x - 0.75, top, 1.5, track.height()))

    def _value(self, painter: QPainter, track: QRectF, value: str, rest: str) -> None:
        place = QRectF(track.right() + 8, track.top(), RIGHT - 20, track.height())
        right = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
        painter.setFont(theme().font("monoSmall"))
        painter.setPen(theme().color("textLow"))
        painter.drawText(place, right, rest)
        used = painter.fontMetrics().horizontalAdvance(rest)
        painter.setFont(theme().font("mono"))
        painter.setPen(theme().color("textHi"))
        painter.drawText(place.adjusted(0, 0, -used, 0), right, value)

    # -------------------------------------------------------------------- hands

    @override
    def mousePressEvent(self, event: QMouseEvent, /) -> None:
        """Begin to drag one of the cursors."""
        upper, lower = self._tracks()
        y = event.position().y()
        self._drag = "k" if y < (upper.bottom() + lower.top()) / 2 else "t"
        self._drag_to(event.position().x())

    @override
    def mouseMoveEvent(self, event: QMouseEvent, /) -> None:
        """Drag the cursor."""
        if self._drag and event.buttons() & Qt.MouseButton.LeftButton:
            self._drag_to(event.position().x())

    @override
    def mouseReleaseEvent(self, event: QMouseEvent, /) -> None:
        """Let go."""
        self._drag = ""

    def _drag_to(self, x: float) -> None:
        upper, lower = self._tracks()
        if self._drag == "k":
            share = (x - upper.left()) / upper.width()
            self._to_step(round(share * self.last_step))
        else:
            first, tokens = self._page(self.tokens())
            self._to_time(first + int((x - lower.left()) / lower.width() * max(len(tokens), 1)))

    def _to_step(self, step: int) -> None:
        newest = self.session.history.step
        step = max(step, 0)
        self.session.move_cursor(step=None if step >= newest else step)

    def _to_time(self, t: int) -> None:
        self.session.move_cursor(t=max(0, min(t, max(len(self.tokens()) - 1, 0))))

    def _act(self, name: str) -> None:
        stride = max(self.last_step // 100, 1)
        match name:
            case "clocks.film":
                self.film.toggle()
            case "clocks.live":
                self.session.move_cursor(step=None)
            case "clocks.step_back":
                self._to_step(self.session.step_in_view - stride)
            case "clocks.step_on":
                self._to_step(self.session.step_in_view + stride)
            case "clocks.time_back":
                self._to_time(self.session.cursor.t - 1)
            case "clocks.time_on":
                self._to_time(self.session.cursor.t + 1)

    @override
    def event(self, event: QEvent, /) -> bool:
        """Let the keys of the clocks win over those of the window."""
        return takes(event, "clocks") or super().event(event)

    @override
    def keyPressEvent(self, event: QKeyEvent, /) -> None:
        """Move t with the arrows, k with Shift; End is live; the person may choose others."""
        name = keymap().found("clocks", pressed(event))
        if name:
            self._act(name)
        else:
            super().keyPressEvent(event)

    # -------------------------------------------------------------------- slots

    @Slot()
    def _show_film(self) -> None:
        self._play.set_icon("pause" if self.film.playing else "play")

    @override
    def resizeEvent(self, event: QResizeEvent, /) -> None:
        """Keep the button of the film in front of the upper track."""
        super().resizeEvent(event)
        middle = round(self._tracks()[0].center().y())
        self._play.move(LEFT - self._play.width() - 4, middle - self._play.height() // 2)

    @Slot(object)
    def _arrived(self, kinds: object) -> None:
        if isinstance(kinds, frozenset) and kinds & KINDS:
            self.update()

    @Slot(object)
    def _moved(self, _what: object) -> None:
        self.update()

    @Slot()
    def _renew(self) -> None:
        self.update()

    @Slot()
    def restyle(self) -> None:
        """Take the measures of the theme in force."""
        self.setFixedHeight(LOW_HEIGHT if self._low else theme().metric("clocks"))
        self.update()

    def set_low(self, low: bool) -> None:
        """Stand closer where the window is low."""
        if low != self._low:
            self._low = low
            self.restyle()


def visible(token: str) -> str:
    """Return a token so that it can be seen: line break, space and tab as signs."""
    return {"\n": "⏎", " ": "␣", "\t": "⇥", "": "·"}.get(token, token)


def _page_of(tokens: tuple[str, ...]) -> int:
    """Return how many tokens are shown at once: fewer of them where they are words."""
    lengths = sorted(len(visible(token)) for token in tokens[:PAGE])
    usual = lengths[len(lengths) * 4 // 5]
    return PAGE if usual <= 1 else max(12, PAGE // (usual + 1))
