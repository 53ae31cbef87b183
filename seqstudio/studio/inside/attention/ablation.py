"""`HeadsOffPanel`: what the loss says when heads are switched off."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget
from typing_extensions import override

from seqstudio.records.inside.attention import AttentionSite, HeadAblation, HeadAblationOf
from seqstudio.studio.inside.attention.bar import head_name
from seqstudio.studio.inside.attention.look import AttentionLook, signed
from seqstudio.studio.panels.explanation import Explanation
from seqstudio.studio.plots import HeatMap
from seqstudio.studio.theme import painting, pen, theme
from seqstudio.studio.widgets import Button, Label, Segments

if TYPE_CHECKING:
    from seqstudio.studio.session import Session

_RANKED = 6
_LEAST_LEVEL = 0.01


class HeadsOffPanel(AttentionLook):
    """How much the loss rises without each head, and without some of them together."""

    title = "Heads off"
    most_steps = 128
    explanation: ClassVar[Explanation] = Explanation(
        "A cell is one head of one layer. Its colour is how much the mean loss changes when this "
        "head alone gives 0: orange rises, so the head was needed; blue falls. Measured on "
        "held-out data, or on the text above; the difference between both is a reminder that one "
        "text says little.\n\n"
        "Click heads to switch several off together: their changes need not add up, since heads "
        "do one another's work.\n\n"
        "Off means that the head's output is 0 before the heads are mixed. The rest of the model "
        "has never seen that, so an effect is not proof of a purpose.",
        (r"\Delta L_h = L(A_h V_h := 0) - L",),
        "Michel, Levy, Neubig 2019, Are sixteen heads really better than one, arXiv:1905.10650",
    )

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, heads=False, parent=parent)
        self._on = Segments([("held", "Held-out"), ("text", "This text")], name="Loss of")
        self.header.add_switch(self._on)
        self._heat = _HeadMap(
            "signed", x_title="head", y_title="layer", bar_title="Δ loss", square=True,
            largest=64.0, name="Change of the loss without each head",
        )  # fmt: skip
        self._heat.set_origin(1, 1)
        self._rank = Label("", "monoSmall", "textMid")
        self._together = Label("", "body", "textHi", wrap=True)
        self._clear = Button("All heads on", kind="text")
        self._off: tuple[tuple[str, int], ...] = ()
        self._cell = (0, 0)
        self._lay_out()
        self._on.value_changed.connect(self._switched)
        self._heat.picked.connect(self._head_picked)
        self._heat.hovered.connect(self._hovered)
        self._clear.clicked.connect(self._all_on)

    def _lay_out(self) -> None:
        content = QWidget()
        rows = QVBoxLayout(content)
        rows.setContentsMargins(0, 0, 0, 10)
        middle = QHBoxLayout()
        middle.setContentsMargins(0, 12, 16, 0)
        middle.addWidget(self._heat, 3)
        middle.addWidget(self._rank, 2, Qt.AlignmentFlag.AlignTop)
        rows.addLayout(middle, 1)
        line = QHBoxLayout()
        line.setContentsMargins(16, 0, 12, 0)
        line.addWidget(self._together, 1)
        line.addWidget(self._clear)
        rows.addLayout(line)
        self.set_content(content)

    # What is shown

    @override
    def question(self) -> HeadAblationOf:
        return HeadAblationOf(self.example(), self._off)

    @override
    def show_reading(self, reading: HeadAblation) -> None:
        self.show_read(reading.read, reading.sites)
        change = self.change(reading)
        limit = max(_LEAST_LEVEL, float(np.nanmax(np.abs(change), initial=0.0)))
        self._heat.set_data(change, (-_level(limit), _level(limit)), masked=_missing(reading))
        heads = [str(head + 1) for head in range(change.shape[1])]
        self._heat.set_labels([_short(site) for site in reading.sites], heads)
        keys = [site.key for site in reading.sites]
        self._heat.set_off([(keys.index(key), head) for key, head in reading.off])
        self._rank.setText(self._ranking(reading, change))
        self._together.setText(self.together(reading))
        self._clear.setVisible(bool(self._off))

    def change(self, reading: HeadAblation) -> NDArray[np.float64]:
        """Return the change of the loss (L, H) without each head; NaN where not measured yet."""
        if self._on.value() == "text" and not math.isnan(reading.text_base):
            return reading.text - reading.text_base
        return reading.held - reading.held_base

    def _ranking(self, reading: HeadAblation, change: NDArray[np.float64]) -> str:
        known = [(float(change[row, head]), site, head)
                 for row, site in enumerate(reading.sites) for head in range(site.heads)
                 if not math.isnan(change[row, head])]  # fmt: skip
        known.sort(key=lambda entry: -entry[0])
        total = sum(site.heads for site in reading.sites)
        if not known:
            return "Measuring…"
        lines = [f"Needed most, Δ {reading.unit}", ""]
        lines += [
            f"{signed(value, '.4f')}  {_place(site, head)}"
            for value, site, head in known[:_RANKED]
        ]
        if len(known) > _RANKED + 1:
            value, site, head = known[-1]
            lines += ["", "Needed least", "", f"{signed(value, '.4f')}  {_place(site, head)}"]
        if len(known) < total:
            lines += ["", f"{len(known)} of {total} heads measured"]
        return "\n".join(lines)

    def together(self, reading: HeadAblation) -> str:
        """Return what the heads that are off together do to both losses."""
        if not reading.off:
            held = f"held-out loss {reading.held_base:.4f}"
            text = "" if math.isnan(reading.text_base) else f", this text {reading.text_base:.4f}"
            return f"All heads on: {held}{text}. Click heads to switch them off together."
        by_key = {site.key: site for site in reading.sites}
        names = ", ".join(_place(by_key[key], head) for key, head in reading.off)
        held = _before_after("held-out", reading.held_base, reading.held_off)
        text = _before_after("this text", reading.text_base, reading.text_off)
        alone = self._sum_of_singles(reading)
        return f"Off: {names}. {', '.join(part for part in (held, text) if part)}.{alone}"

    def _sum_of_singles(self, reading: HeadAblation) -> str:
        if len(reading.off) < 2:
            return ""
        keys = [site.key for site in reading.sites]
        singles = [reading.held[keys.index(key), head] for key, head in reading.off]
        if any(math.isnan(value) for value in singles):
            return ""
        total = sum(value - reading.held_base for value in singles)
        return f" One by one they add up to {signed(total, '.4f')}."

    @override
    def words(self, reading: HeadAblation) -> str:
        return f"{reading.predictions:,} held-out predictions, {reading.unit}"

    @override
    def measured(self) -> list[tuple[str, str]]:
        reading: HeadAblation | None = self.reading
        if reading is None:
            return []
        return [
            ("Held-out predictions", f"{reading.predictions:,}"),
            ("Held-out loss, all heads", f"{reading.held_base:.5f} {reading.unit}"),
            ("Loss of this text, all heads", f"{reading.text_base:.5f}"),
        ]

    @override
    def numbers(self) -> dict[str, NDArray[Any]]:
        reading: HeadAblation | None = self.reading
        if reading is None:
            return {}
        base = np.array([reading.held_base, reading.text_base])
        return {"held_out": reading.held, "text": reading.text, "base": base}

    # What the person does

    @Slot(int, int)
    def _head_picked(self, row: int, head: int) -> None:
        reading: HeadAblation = self.reading
        site = reading.sites[row]
        if head >= site.heads:
            return
        chosen = (site.key, head)
        off = set(self._off)
        self._off = tuple(sorted(off - {chosen} if chosen in off else off | {chosen}))
        self.ask_again()

    @Slot()
    def _all_on(self) -> None:
        self._off = ()
        self.ask_again()

    @Slot(int, int)
    def _hovered(self, row: int, head: int) -> None:
        reading: HeadAblation | None = self.reading
        if reading is None or row < 0 or head >= reading.sites[row].heads:
            self._heat.setToolTip("")
            return
        value = self.change(reading)[row, head]
        told = "not measured yet" if math.isnan(value) else f"Δ loss {signed(value, '.5f')}"
        self._heat.setToolTip(f"{head_name(reading.sites[row], head)}: {told}")

    @Slot(str)
    def _switched(self, _value: str) -> None:
        self._drawn = None
        self.refresh()


class _HeadMap(HeatMap):
    """A map of heads in which those that are off wear a cross."""

    _off: Sequence[tuple[int, int]] = ()

    def set_off(self, heads: Sequence[tuple[int, int]]) -> None:
        """Cross these cells out: (row, column) each."""
        self._off = tuple(heads)
        self.update()

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        super().paintEvent(event)
        frame = self.frame()
        with painting(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(pen(theme().color("textHi"), 1.75))
            for row, column in self._off:
                cell = frame.row_rect(row).intersected(frame.column_rect(column))
                cell = cell.adjusted(3, 3, -3, -3)
                painter.drawRect(cell)
                painter.drawLine(cell.topLeft(), cell.bottomRight())
                painter.drawLine(cell.topRight(), cell.bottomLeft())


def _level(value: float) -> float:
    """Return the next of 1, 2, 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1.0, 2.0, 5.0, 10.0) if step * power >= value * 0.999)


def _missing(reading: HeadAblation) -> NDArray[np.bool_]:
    """Return cells (L, H) without a head: places differ in how many they have."""
    heads = np.array([site.heads for site in reading.sites])
    return np.asarray(np.arange(reading.held.shape[1])[None] >= heads[:, None])


def _short(site: AttentionSite) -> str:
    return site.name.replace("Transformer block, ", "").replace("layer ", "")


def _place(site: AttentionSite, head: int) -> str:
    return f"{_short(site)} · {head + 1}" if site.heads > 1 else _short(site)


def _before_after(name: str, before: float, after: float) -> str:
    if math.isnan(before) or math.isnan(after):
        return ""
    return f"{name} {before:.4f} → {after:.4f} ({signed(after - before, '.4f')})"
