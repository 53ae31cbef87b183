"""The music of the data in numbers, counted aside, and a picture of its pitch classes."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget
from typing_extensions import override

from seqstudio.core.errors import SeqError
from seqstudio.data.music_facts import MusicFacts, facts_of_music
from seqstudio.music.codings.words import name_of
from seqstudio.studio.theme import follow_theme, theme

if TYPE_CHECKING:
    from pathlib import Path

    from seqstudio.document.settings import DataSettings

_CLASSES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "G#", "A", "Bb", "B")
_HEIGHT = 76


class MusicCounter(QObject):
    """Counts the training pieces in a thread, once for each source.

    Signals:
        counted(): The music of another source is known.
    """

    counted = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._asked: object = None
        self._found: dict[object, MusicFacts] = {}

    def found(
        self, content_hash: str, settings: DataSettings, base: Path | None
    ) -> MusicFacts | None:
        """Return the numbers of the data that were read, or None and begin to count."""
        key = content_hash
        if key not in self._found and key != self._asked:
            self._asked = key
            # A daemon: closing the window does not wait for it, and nothing is lost.
            threading.Thread(
                target=self._count, args=(key, settings, base), name="seqstudio-music", daemon=True
            ).start()
        return self._found.get(key)

    def _count(self, key: str, settings: DataSettings, base: Path | None) -> None:
        try:
            self._found[key] = facts_of_music(settings, base, stopped=lambda: self._asked != key)
            self.counted.emit()
        except (SeqError, OSError, MemoryError, ValueError, RuntimeError):
            return  # reading the data tells what is wrong; or the panel is gone


def music_rows(facts: MusicFacts) -> list[tuple[str, str]]:
    """Return the numbers of a set of pieces in words."""
    low, high = facts.lowest, facts.highest
    rows = [
        ("bars", f"{facts.bars:,}"),
        ("notes", f"{facts.notes:,}"),
        ("range", f"{name_of(low)} to {name_of(high)}" if low is not None and high else "–"),
        ("in one scale", _share(facts.mean("in_scale"))),
        ("groove alike", _share(facts.mean("groove"))),
        ("bars repeated", _share(facts.mean("repeated_bars"))),
        ("empty beats", _share(facts.mean("empty_beats"))),
        ("notes at once", _number(facts.mean("polyphony"))),
        ("pitch entropy", f"{_number(facts.mean('pitch_entropy'))} bits"),
    ]
    return rows


def music_words(facts: MusicFacts) -> str:
    """Return the commonest keys, metres and note lengths in words."""
    lengths = [(f"{length}", share) for length, share in facts.lengths]
    parts = (("keys", facts.keys), ("metres", facts.meters), ("lengths in beats", lengths))
    return "\n".join(
        f"{name}: " + ", ".join(f"{word} {_share(share)}" for word, share in shares[:4])
        for name, shares in parts
        if shares
    )


def _share(value: float) -> str:
    return "–" if math.isnan(value) else f"{100 * value:.0f} %"


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.2f}"


class PitchClasses(QWidget):
    """Twelve columns: the share of the notes of each pitch class."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shares: tuple[float, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Share of the notes of each pitch class")
        follow_theme(self)

    def show_shares(self, shares: tuple[float, ...]) -> None:
        """Show other shares, C first; none hides the picture."""
        self._shares = shares
        self.setVisible(bool(shares))
        told = ", ".join(f"{n} {_share(s)}" for n, s in zip(_CLASSES, shares, strict=False))
        self.setToolTip(f"Share of the notes by pitch class: {told}")
        self.update()

    @Slot()
    def restyle(self) -> None:
        """Take the colours of the theme in force."""
        self.update()

    @override
    def sizeHint(self) -> QSize:
        return QSize(180, _HEIGHT)

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        if not self._shares:
            return
        painter, words = QPainter(self), theme().font("axis")
        painter.setFont(words)
        foot = painter.fontMetrics().height() + 2
        wide, most = self.width() / 12, max(*self._shares, 1e-9)
        for at, share in enumerate(self._shares):
            tall = (self.height() - foot) * share / most
            column = QRectF(at * wide + 1, self.height() - foot - tall, wide - 2, tall)
            painter.fillRect(column, theme().color("accent"))
            painter.setPen(theme().color("textMid"))
            place = QRectF(at * wide, self.height() - foot, wide, foot)
            painter.drawText(place, Qt.AlignmentFlag.AlignCenter, _CLASSES[at])
