"""`SurgeryPanel`: hold units of a model at a value and see what it loses, says and writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QTimer, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QWidget
from typing_extensions import override

from seqstudio.records.inside.gates import LayerName
from seqstudio.records.inside.surgery import (
    SiteName,
    Surgery,
    SurgeryOf,
    UnitRanking,
    UnitRankingOf,
)
from seqstudio.studio.inside.layers import layer_title, reading_words
from seqstudio.studio.inside.panel import LookPanel
from seqstudio.studio.inside.side_look import SideLook
from seqstudio.studio.inside.surgery.tiles import (
    LossTile,
    NextTile,
    RankTile,
    WritingTile,
    change_words,
    stacked,
)
from seqstudio.studio.inside.tiles import Tiles, under_switches
from seqstudio.studio.panels.adding import offer_lstm
from seqstudio.studio.panels.explanation import Explanation
from seqstudio.studio.widgets import ComboField, Segments, TextField

if TYPE_CHECKING:
    from seqstudio.studio.session import Session

STEPS, WRITTEN = 128, 160
REST_MS = 250
PARTS = {"h": "state h", "c": "cell c", "residual": "residual stream", "neurons": "neurons",
         "heads": "heads"}  # fmt: skip
VALUES = {"zero": "0", "mean": "mean", "plus": "+1", "minus": "−1", "opposite": "× −1"}
VIEWS = (("text", "Text"), ("next", "Next"), ("rank", "Ranking"))
NEXT, RANK = 1, 2
LEAST_WRITING = 420
Key = tuple[str, int, bool, str]
"""Block, layer, whether it reads from the end, and the part."""


class SurgeryPanel(LookPanel):
    """Units on and off: an intervention inside the loop over time, never on the weights."""

    title = "Surgery"
    icon: ClassVar[str] = "cell"
    explanation: ClassVar[Explanation] = Explanation(
        "The chosen units are held at a value at every step while the model reads: the "
        "recurrence is run step by step, so the next step already sees what was held. A cell c is "
        "held before the output gate reads it. In a transformer a unit of the residual stream is "
        "held where it leaves its block, a neuron behind its nonlinearity, a head before the "
        "projection of all heads. No weight is touched, and the run does not notice.\n\n"
        "The text shows, at each token, the loss of the next one with the units held, less the "
        "loss without. The mean is that of the unit over the held-out text. Both continuations "
        "are written from the same random numbers.\n\n"
        "The ranking holds every unit alone, on held-out text. A unit whose absence costs nothing "
        "may still matter: another one can stand in for it.",
        (r"h_t \leftarrow m \odot v + (1 - m) \odot F(h_{t-1}, x_t)",
         r"\Delta L_j = L(\text{unit } j \text{ held}) - L"),
        "Morcos, Barrett, Rabinowitz, Botvinick 2018, arXiv:1803.06959; Pearl 2009 (do-operator)",
    )  # fmt: skip

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self._site: Key = ("", 0, False, "")
        self._followed: tuple[int, ...] = ()
        self._ranking: UnitRanking | None = None
        self._ranked_at = ""
        self._side = SideLook(session, "Surgery ranking", self)
        self._side.changed.connect(self._ranked)
        self._rest = QTimer(self, interval=REST_MS, singleShot=True)
        self._rest.timeout.connect(self._follow)
        session.cursor_changed.connect(self._cursor_rests)
        self.text_tile, self.next_tile = LossTile(), NextTile()
        self.rank_tile, self.write_tile = RankTile(), WritingTile()
        both = stacked(self.text_tile, self.write_tile)
        self.tiles = Tiles([both, self.next_tile, self.rank_tile])
        self._make_switches()
        self._lay_out()
        self._connect()

    def _make_switches(self) -> None:
        self.sites = ComboField([], name="Place")
        self.units = TextField("", placeholder="units, such as 7, 12", mono=True, name="Units")
        self.to = ComboField(_choices(VALUES), name="Held at")
        self.views, self.sides = Segments(VIEWS, name="View"), Segments(VIEWS[1:], name="Beside")

    def _lay_out(self) -> None:
        line = QHBoxLayout()
        line.setContentsMargins(12, 6, 12, 0)
        line.setSpacing(8)
        self.sites.setMaximumWidth(250)
        self.units.setMaximumWidth(210)
        self.units.setMinimumWidth(70)
        self.to.setMaximumWidth(130)
        line.addWidget(self.sites, 3)
        line.addWidget(self.units, 2)
        line.addWidget(self.to, 2)
        line.addStretch(1)
        line.addWidget(self.sides)
        self.set_body(under_switches(line, self.views, self.tiles))

    def _connect(self) -> None:
        self.sites.committed.connect(self._site_chosen)
        self.units.committed.connect(self._asked_again)
        self.to.committed.connect(self._asked_again)
        for segments in (self.views, self.sides):
            segments.value_changed.connect(self._view_chosen)
        self.tiles.arranged.connect(self._show_switches)
        self.text_tile.strip.hovered.connect(self._pointed)
        self.text_tile.strip.clicked.connect(self._pointed)
        self.rank_tile.wanted.connect(self._rank_or_stop)
        self.rank_tile.unit_picked.connect(self._unit_picked)

    # What is asked

    @override
    def question(self) -> SurgeryOf:
        return SurgeryOf(*self._site, self.held(), self.held_at(), STEPS, WRITTEN)

    def held(self) -> tuple[int, ...]:
        """Return the units that are held: those that were typed, else that of the cursor."""
        if not self.units.value().strip():
            return self._followed
        there = self._count()
        return tuple(unit for unit in typed_units(self.units.value()) if unit < there)

    def _count(self) -> int:
        """Return how many units the place has."""
        known = () if self.reading is None else self.reading.sites
        return next((site.units for site in known if _key(site) == self._site), 0)

    def held_at(self) -> str:
        """Return what the units are held at, a key of `VALUES`."""
        return str(self.to.value())

    @Slot(object)
    def _cursor_rests(self, _cursor: object) -> None:
        """Wait until the pointer rests: an operation takes longer than a glance."""
        if not self.units.value().strip():
            self._rest.start()

    @Slot()
    def _follow(self) -> None:
        """Take over layer and unit of the shared cursor."""
        cursor, reading = self.session.cursor, self.reading
        if self.units.value().strip() or reading is None:
            return
        here = [s for s in reading.sites if (s.block, s.layer) == (cursor.block, cursor.layer)]
        if here and (cursor.block, cursor.layer) != self._site[:2]:
            same = [site for site in here if site.part == self._site[3]]
            self._site = _key((same or here)[0])
        site = next((s for s in reading.sites if _key(s) == self._site), reading.site)
        unit = cursor.head if site.part == "heads" else cursor.unit
        at_site = not cursor.block or (cursor.block, cursor.layer) == self._site[:2]
        known = unit is not None and unit < site.units and at_site
        self._followed = (unit,) if known and unit is not None else ()
        follows = f"{unit}, of the cursor" if self._followed else "units, such as 7, 12"
        self.units.setPlaceholderText(follows)
        self.invalidate()

    @Slot(object)
    def _site_chosen(self, key: object) -> None:
        if isinstance(key, tuple):
            self._site = key
            self._followed = ()
            self._check_units()
            self._drop_ranking()
            self.session.move_cursor(block=key[0], layer=key[1])
            self.ask_again()

    @Slot(str)
    @Slot(object)
    def _asked_again(self, _value: object) -> None:
        self._check_units()
        self._drop_ranking(of=self.held_at())
        self.ask_again()

    def _check_units(self) -> None:
        """Mark what was typed and is no unit of the place; it is left out."""
        text, count = self.units.value(), self._count()
        units = typed_units(text)
        wrong = ""
        if text.strip() and not units:
            wrong = "Type numbers of units, with commas between"
        elif any(unit >= count for unit in units):
            wrong = f"The units of this place are 0 to {count - 1}"
        self.units.set_invalid(wrong)
        self.units.setToolTip(wrong)

    @Slot(int, bool)
    def _unit_picked(self, unit: int, more: bool) -> None:
        units = [*typed_units(self.units.value())] if more else []
        units = [each for each in units if each != unit] if unit in units else [*units, unit]
        self.units.set_value(", ".join(map(str, units)))
        self.session.move_cursor(block=self._site[0], layer=self._site[1], unit=unit)
        self.ask_again()

    # Ranking

    @Slot()
    def _rank_or_stop(self) -> None:
        stop = self._side.waiting
        question = UnitRankingOf(*self._site, self.held_at(), stop=stop)
        self._side.want(self.session.looks.aim(question, run=self.run))
        self._show_ranking()

    @Slot()
    def _ranked(self) -> None:
        looked = self._side.looked
        if looked is not None and isinstance(looked.reading, UnitRanking) and looked.reading.count:
            self._ranking, self._ranked_at = looked.reading, looked.weights
        self._show_ranking()

    def _drop_ranking(self, of: str = "") -> None:
        """Forget a ranking that was of something else."""
        if self._ranking is None or self._ranking.to != of:
            if self._side.waiting:
                self._rank_or_stop()
            self._ranking = None
            self._side.drop()
            self._show_ranking()

    def _show_ranking(self) -> None:
        held = "units" if self._site[3] != "heads" else "heads"
        words = f"{held} held at {VALUES[self.held_at()]}"
        if self._side.refused is not None:
            words = self._side.refused.what
        self.rank_tile.set_ranking(self._ranking, self._side.waiting, words, self._ranked_at)
        self.rank_tile.list.set_chosen(self.held())

    # Drawing

    @override
    def show_reading(self, reading: Surgery) -> None:
        self._site = _key(reading.site)
        self.sites.set_options([(_key(s), self.site_title(s)) for s in reading.sites])
        self.sites.set_value(self._site)
        heads = reading.site.part == "heads"
        self.to.set_options(_choices(VALUES, without=("plus", "minus") if heads else ()))
        held = self.held_words(reading)
        self.text_tile.set_reading(reading, held, self._unit())
        self.write_tile.set_reading(reading, held)
        chooses = len(reading.choices) > 0
        self.tiles.offer((NEXT, RANK) if chooses else (RANK,))
        for segments in (self.views, self.sides):
            segments.set_enabled("next", chooses, "this model predicts numbers, not a choice")
        self._show_switches()
        self._show_ranking()
        if not self._followed:
            self._rest.start()  # the cursor may have moved before there was a place

    def _unit(self) -> str:
        facts = self.session.facts
        return str(getattr(facts, "unit", "") or "nats")

    def _writes(self) -> bool:
        facts = self.session.facts
        return facts is None or facts.pattern == "next token"

    def site_title(self, site: SiteName) -> str:
        """Return a place in words: "LSTM, layer 2, state h"."""
        layer = LayerName(site.block, site.layer, site.back, "", site.units)
        reading: Surgery = self.reading
        count = len({each.layer for each in reading.sites if each.block == site.block})
        return f"{layer_title(self.session, layer, count)}, {PARTS.get(site.part, site.part)}"

    def held_words(self, reading: Surgery) -> str:
        """Return what is held at what: "units 7, 12 at 0"."""
        name = {"heads": "head", "neurons": "neuron"}.get(reading.site.part, "unit")
        many = "s" if len(reading.units) > 1 else ""
        at = "turned" if reading.to == "opposite" else f"at {VALUES[reading.to]}"
        return f"{name}{many} {', '.join(map(str, reading.units))} {at}"

    @override
    def show_cursor(self) -> None:
        reading = self.reading
        if reading is None:
            return
        t = min(self.session.cursor.t, len(reading.tokens) - 1)
        self.text_tile.strip.set_cursor(t, reveal=not self.text_tile.strip.underMouse())
        self.next_tile.set_reading(reading, t, self.held_words(reading))

    @Slot(int)
    def _pointed(self, t: int) -> None:
        if t >= 0:
            self.session.move_cursor(t=t)

    # Arrangement

    @Slot(str)
    def _view_chosen(self, key: str) -> None:
        self.tiles.choose([name for name, _ in VIEWS].index(key))
        self._show_switches()

    @Slot()
    def _show_switches(self) -> None:
        form, key = self.tiles.form, VIEWS[self.tiles.chosen][0]
        self.views.setVisible(form == "one")
        self.sides.setVisible(form == "pair")
        self.views.set_value(key)
        self.sides.set_value(VIEWS[self.tiles.beside][0])
        self.write_tile.setVisible(self._writes() and self.height() >= LEAST_WRITING)

    @override
    def resizeEvent(self, event: QResizeEvent, /) -> None:
        super().resizeEvent(event)
        self._show_switches()

    @override
    def forget(self) -> None:
        super().forget()
        self._followed, self._ranking = (), None
        self.units.set_value("")
        self._side.drop()

    # Words

    @override
    def _invite(self) -> None:
        super()._invite()
        if self.refused is not None and self.refused.what.startswith("There are no units"):
            offer_lstm(self)

    @override
    def words(self, reading: Surgery) -> str:
        left = reading_words(reading.skipped, reading.cut, len(reading.tokens))
        held = self.held_words(reading) if reading.units else "nothing held"
        return " · ".join(part for part in (self.site_title(reading.site), held, left) if part)

    @override
    def measured(self) -> list[tuple[str, str]]:
        reading = self.reading
        if reading is None:
            return []
        here = change_words(float(np.nanmean(reading.before)), float(np.nanmean(reading.after)))
        out = change_words(reading.held_before, reading.held_after)
        return [
            ("Place", self.site_title(reading.site)),
            ("Held", self.held_words(reading) if reading.units else "nothing"),
            ("Loss of this text", here),
            (f"Loss of {reading.held_count:,} held-out predictions", out),
        ]

    @override
    def numbers(self) -> dict[str, NDArray[Any]]:
        found = super().numbers()
        if self._ranking is not None:
            found["ranking.increase"] = self._ranking.increase
        return {name: array for name, array in found.items() if not name.startswith("sites.")}


def typed_units(text: str) -> tuple[int, ...]:
    """Return the numbers of a text such as "7, 12 40-42", each once; () for none or nonsense."""
    found: list[int] = []
    for word in text.replace(",", " ").replace(";", " ").split():
        first, dash, last = word.partition("-")
        if not first.isdigit() or (dash and not last.isdigit()):
            return ()
        found += range(int(first), int(last if dash else first) + 1)
    return tuple(dict.fromkeys(found[:4096]))


def _choices(values: Mapping[str, str], without: tuple[str, ...] = ()) -> list[tuple[object, str]]:
    return [(key, f"held at {name}" if key != "opposite" else "turned, × −1")
            for key, name in values.items() if key not in without]  # fmt: skip


def _key(site: SiteName) -> Key:
    return site.block, site.layer, site.back, site.part
