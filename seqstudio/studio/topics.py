"""A page of several arrangements: topics, chosen by a bar above, made when first looked at."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from PySide6.QtCore import QByteArray, Signal, Slot
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget
from typing_extensions import override

from seqstudio.studio.page import Page
from seqstudio.studio.panels.base import Panel
from seqstudio.studio.theme import follow_theme, painting, theme
from seqstudio.studio.widgets import Segments

Make = Callable[[], Page]


class Topics(Page):
    """Shows one of its pages.

    Signals:
        chosen(str): key of the topic that came to the front.

    Attributes:
        titles: Words of every topic, by key.

    Args:
        name: Key of the saved arrangements.
        topics: Key, words and maker of every topic; the first is shown.
    """

    chosen = Signal(str)

    def __init__(self, name: str, topics: Sequence[tuple[str, str, Make]]) -> None:
        self._stack = QStackedWidget()
        whole = QWidget()
        super().__init__(name, whole)
        self._makers = {key: make for key, _, make in topics}
        self.titles = {key: words for key, words, _ in topics}
        self._made: dict[str, Page] = {}
        self._kept: dict[str, QByteArray] = {}
        self.bar = _Bar([(key, words) for key, words, _ in topics])
        self.bar.choice.value_changed.connect(self.choose)
        rows = QVBoxLayout(whole)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(0)
        rows.addWidget(self.bar)
        rows.addWidget(self._stack, 1)
        self.choose(topics[0][0])

    @property
    def topic(self) -> str:
        """Key of the topic in front."""
        return self.bar.choice.value()

    @property
    def front(self) -> Page:
        """The page in front."""
        return self._made[self.topic]

    def page_of(self, key: str) -> Page:
        """Return the page of a topic, made now if nobody has looked at it."""
        if key not in self._made:
            page = self._makers[key]()
            self._made[key] = page
            self._stack.addWidget(page)
            if key in self._kept:
                page.arrange(self._kept[key])
        return self._made[key]

    @Slot(str)
    def choose(self, key: str) -> None:
        """Bring a topic to the front."""
        page = self.page_of(key)
        self.bar.choice.set_value(key)
        self._stack.setCurrentWidget(page)
        self.home = page.home
        self.chosen.emit(key)

    def show_panel(self, kind: type[Panel]) -> Panel | None:
        """Bring the first topic that has a panel of a kind to the front, and the panel with it."""
        for key in (self.topic, *self._makers):
            found = self.page_of(key).bring(kind)
            if found is not None:
                self.choose(key)
                return found
        return None

    # What a page does, done by the one in front

    @override
    def parts(self) -> list[QWidget]:
        return [self.bar, *self.front.parts()]

    @override
    def grow(self, across: int, down: int) -> bool:
        return self.front.grow(across, down)

    @override
    def reset(self) -> None:
        self.front.reset()

    @override
    def arrangement(self) -> QByteArray:
        states = {**self._kept, **{key: page.arrangement() for key, page in self._made.items()}}
        coded = {key: state.toBase64().toStdString() for key, state in states.items() if state}
        return QByteArray(json.dumps({"topic": self.topic, "pages": coded}).encode("ascii"))

    @override
    def arrange(self, state: QByteArray) -> bool:
        try:
            content = json.loads(bytes(state.data()))
            pages = {str(k): str(v).encode("ascii") for k, v in content["pages"].items()}
        except (ValueError, TypeError, KeyError, AttributeError):
            return False
        self._kept = {k: QByteArray.fromBase64(v) for k, v in pages.items() if k in self._makers}
        for key, page in self._made.items():
            if key in self._kept:
                page.arrange(self._kept[key])
        if content.get("topic") in self._makers:
            self.choose(content["topic"])
        return True


class _Bar(QWidget):
    """The topics, in a row above the page."""

    def __init__(self, topics: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self.setAccessibleName("Topics")
        self.choice = Segments(topics, topics[0][0], name="Topic", parent=self)
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 0, 8, 0)
        row.addWidget(self.choice)
        row.addStretch(1)
        follow_theme(self)

    @Slot()
    def restyle(self) -> None:
        """Take the measures of the theme in force."""
        self.setFixedHeight(theme().metric("panelHeader") + 4)
        self.update()

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self) as painter:
            painter.fillRect(self.rect(), theme().color("surface1"))
            line = self.rect().adjusted(0, self.height() - 1, 0, 0)
            painter.fillRect(line, theme().color("line"))
