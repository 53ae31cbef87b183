"""`EmbeddingPanel`: the vectors of symbols, how they lie to each other and how they came there."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget
from typing_extensions import override

from seqstudio.insight.symbols import grouping, ways_for
from seqstudio.insight.vectors import laid_over
from seqstudio.records.inside.embedding import EmbeddingOf, EmbeddingTable
from seqstudio.records.looking import Looked
from seqstudio.studio.inside.embedding.map import EmbeddingMap, MapData, group_colour
from seqstudio.studio.inside.embedding.side import EmbeddingSide
from seqstudio.studio.inside.panel import LookPanel
from seqstudio.studio.inside.side_body import SideBody
from seqstudio.studio.inside.side_look import SideLook
from seqstudio.studio.panels.explanation import Explanation
from seqstudio.studio.theme import follow_theme, theme
from seqstudio.studio.widgets import CheckField, ElidedLabel, Segments

if TYPE_CHECKING:
    from seqstudio.studio.session import Session

Places = NDArray[np.float64]
TEMPLATE = "char-lstm"
TRAIL = 6  # earlier steps
_SIDE_FROM = 560


class EmbeddingPanel(LookPanel):
    """A map of the symbols, with neighbours and analogies beside it.

    Signals:
        template_wanted(str): the person wants to open a template that has an embedding.
    """

    title = "Embedding"
    icon = "embedding"
    explanation: ClassVar[Explanation] = Explanation(
        "Every symbol has a vector that the model learns. The map shows all of them in two "
        "dimensions, in one of two ways.\n\n"
        "PCA: the two axes on which the vectors differ most. Distances are true but for what "
        "lies on the other axes; the share of the variance on both is told.\n\n"
        "Neighbours: exact t-SNE, which keeps close what is close. Distances between groups and "
        "sizes of groups mean little. It starts from the PCA, so the same vectors always give "
        "the same map.\n\n"
        "How far to trust a map: the share of the true nearest neighbours that are nearest on "
        "the map too, and its trustworthiness, which falls with false neighbours. Neighbours "
        "and analogies in the list are by the cosine of the whole vectors, not by the map.\n\n"
        "At an older training step the map is turned and mirrored onto the newest one, never "
        "stretched. Trails lead from earlier kept steps to the one in view.",
        (
            r"\cos(a, b) = \frac{a \cdot b}{\|a\| \|b\|}",
            r"? = \mathrm{argmax}_x \cos(x, \hat{b} - \hat{a} + \hat{c})",
            r"p_{j|i} \propto e^{-\beta_i \|x_i - x_j\|^2}, \quad "
            r"q_{ij} \propto (1 + \|y_i - y_j\|^2)^{-1}",
        ),
        "van der Maaten and Hinton 2008; Venna and Kaski 2001; Mikolov et al. 2013, "
        "arXiv:1301.3781; Schoenemann 1966",
    )
    template_wanted = Signal(str)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self._table = self._colour = ""
        self._newest: EmbeddingTable | None = None  # what other steps are laid over
        self._newest_step = -1
        self._base: Places = np.zeros((0, 2))
        self._trail: dict[int, Places] = {}
        self._told_near: tuple[int, object] = (-2, None)
        self._way = Segments([("pca", "PCA"), ("neighbours", "Neighbours")], name="Map")
        self._trails = CheckField("Trails")
        self._trails.setToolTip("Where the symbols came from: earlier steps that the run kept")
        self.header.add_switch(self._trails)
        self.header.add_switch(self._way)
        self.map, self.side = EmbeddingMap(), EmbeddingSide()
        self._caption = ElidedLabel("", "small", "textMid")
        self._body = _Halves(self.map, self._caption, self.side)
        self._past = SideLook(session, "Embedding trail", self)
        self._connect()
        self.set_body(self._body)
        follow_theme(self)

    def _connect(self) -> None:
        self._way.value_changed.connect(self._asked_otherwise)
        self._trails.committed.connect(self._trails_switched)
        self.side.table_chosen.connect(self._table_chosen)
        self.side.colour_chosen.connect(self._colour_chosen)
        self.side.searched.connect(self._searched)
        self.side.picked.connect(self._picked)
        self.map.picked.connect(self._picked)
        self.map.hovered.connect(self._hovered)
        self._past.changed.connect(self._past_came)

    # What is asked and shown

    @override
    def question(self) -> EmbeddingOf:
        return EmbeddingOf(self._table, self._way.value())

    @override
    def text(self) -> str:
        return ""  # whatever is typed, the vectors are the same

    @override
    def show_reading(self, reading: EmbeddingTable) -> None:
        ways = ways_for(reading.symbols, reading.table.of, tunes=self._tunes(),
                        counted=bool(reading.counts.any()))  # fmt: skip
        self.side.set_reading(reading, ways)
        self._colour = str(self.side.colour.value() or "")
        self._place(reading)
        self._told_near = (-2, None)
        self._show_map(reading)
        self._ask_past()

    def _tunes(self) -> bool:
        project = self.session.run_project or self.session.project
        return project.data.kind == "abc"

    def _place(self, reading: EmbeddingTable) -> None:
        """Lay the map over the newest one, if it is a map of the same symbols."""
        step = self.looked.step if self.looked else 0
        newest = self._newest
        same = newest is not None and (
            (newest.table, newest.symbols, newest.way)
            == (reading.table, reading.symbols, reading.way)
        )  # fmt: skip
        if newest is None or not same:
            self._trail.clear()
            self._past.drop()
            self._newest, self._newest_step, self._base = reading, step, np.array(reading.places)
        elif step >= self._newest_step:
            turned = _same_signs if reading.way == "pca" else laid_over
            if reading.progress >= 1.0 or newest.progress < 1.0:
                self._base = turned(reading.places, self._base)
                self._newest, self._newest_step = reading, step
        self._at = self._base
        if self._newest is not reading and reading.progress >= 1.0:
            self._at = laid_over(reading.places, self._base)

    def _show_map(self, reading: EmbeddingTable) -> None:
        colours, legend = self._colours(reading)
        own = self.looked.step if self.looked else 0
        trail = tuple(
            laid_over(places, self._at) for step, places in sorted(self._trail.items())
            if step < own and len(places) == len(self._at)
        )  # fmt: skip
        ringed = tuple("#" in s[1:] or "b" in s[1:] for s in reading.symbols)
        notes = reading.table.of == "notes"
        counts = reading.counts.astype(float)
        self.map.set_data(
            MapData(
                reading.symbols, self._at, colours, ringed if notes else (), counts,
                trail if self._trails.value() else (), self._axes(reading), legend,
            )
        )  # fmt: skip

    def _axes(self, reading: EmbeddingTable) -> tuple[str, str]:
        if reading.way != "pca":
            return "", ""
        if self._newest is not reading:
            return f"turned onto step {self._newest_step:,}", ""
        shares = [*reading.shares, 0.0][:2]
        return f"axis 1, {shares[0]:.0%} of the variance", f"axis 2, {shares[1]:.0%}"

    def _colours(
        self, reading: EmbeddingTable
    ) -> tuple[tuple[QColor, ...], tuple[tuple[str, QColor], ...]]:
        """Return the colour of every symbol, and the legend."""
        if self._colour == "frequency":
            return _by_frequency(reading.counts)
        if not self._colour:
            return (theme().role("features"),) * len(reading.symbols), ()
        groups = grouping(reading.symbols, self._colour)
        palette = [group_colour(name, number) for number, name in enumerate(groups.names)]
        colours = tuple(palette[int(member)] for member in groups.member)
        return colours, tuple(zip(groups.names, palette, strict=True))

    @override
    def show_cursor(self) -> None:
        reading: EmbeddingTable | None = self.reading
        if reading is None:
            return
        token = self.session.cursor.token
        chosen = reading.symbols.index(token) if token in reading.symbols else -1
        if self._told_near != (chosen, reading):
            self._told_near = chosen, reading
            self.map.set_chosen(chosen, self.side.set_chosen(chosen))

    @override
    def forget(self) -> None:
        super().forget()
        self._newest, self._newest_step = None, -1
        self._trail.clear()
        self._past.drop()

    # Earlier steps

    def _ask_past(self) -> None:
        """Ask for the next earlier step of the trail that is not there yet."""
        looked, session = self.looked, self.session
        if not self._trails.value() or looked is None or not looked.done or session.facts is None:
            return
        aim = session.looks.aim(self.question(), run=self.run, text="")
        if not aim.folder:
            return
        wanted = trail_steps(session.looks.steps(aim.folder), looked.step)
        for step in list(self._trail):
            if step not in wanted:
                del self._trail[step]
        missing = [step for step in wanted if step not in self._trail]
        if missing:
            self._past.want(replace(aim, step=missing[-1]))

    @Slot()
    def _past_came(self) -> None:
        looked = self._past.looked
        if not isinstance(looked, Looked) or not isinstance(looked.reading, EmbeddingTable):
            return
        aim, reading = self._past.aim, self.reading
        if aim is None or reading is None or looked.reading.progress < 1.0:
            return
        if (looked.reading.symbols, looked.reading.table) == (reading.symbols, reading.table):
            self._trail[aim.step] = looked.reading.places
            self._show_map(reading)
        if looked.done:
            self._ask_past()

    # What the person does

    @Slot(str)
    def _asked_otherwise(self, _way: str) -> None:
        self.ask_again()

    @Slot()
    def _trails_switched(self, _on: object = None) -> None:
        self._drawn = None
        self.refresh()

    @Slot(str)
    def _table_chosen(self, key: str) -> None:
        self._table = key
        self.ask_again()

    @Slot(str)
    def _colour_chosen(self, way: str) -> None:
        self._colour = way
        if self.reading is not None:
            self._show_map(self.reading)

    @Slot(str)
    def _searched(self, text: str) -> None:
        hits = self.side.meant(text)
        self.map.set_hits(hits)
        if hits is not None and len(hits) == 1:
            self._picked(next(iter(hits)))

    @Slot(int)
    def _picked(self, symbol: int) -> None:
        if self.reading is not None:
            token = self.reading.symbols[symbol] if symbol >= 0 else ""
            self.session.move_cursor(token=token)

    @Slot(int)
    def _hovered(self, symbol: int) -> None:
        self.map.setToolTip(self._tip(symbol) if symbol >= 0 else "")

    def _tip(self, symbol: int) -> str:
        reading: EmbeddingTable = self.reading
        length = float(np.linalg.norm(reading.vectors[symbol]))
        count = f", {reading.counts[symbol]:,} in the text" if reading.counts.any() else ""
        return f"{reading.symbols[symbol]!r}, length {length:.2f}{count}"

    # Words

    @override
    def words(self, reading: EmbeddingTable) -> str:
        rows = f"{len(reading.symbols):,} {reading.table.of} × {reading.table.width}"
        return f"{reading.table.title}, {rows}"

    @override
    def tell(self) -> None:
        super().tell()
        self._caption.setText(caption(self.reading) if self.reading is not None else "")

    @override
    def measured(self) -> list[tuple[str, str]]:
        reading: EmbeddingTable | None = self.reading
        if reading is None or self.looked is None:
            return []
        shares = ", ".join(f"{share:.1%}" for share in reading.shares[:5])
        return [
            ("Table", self.words(reading)),
            ("Weights", self.looked.weights),
            ("Variance on the first axes", shares),
            ("Neighbours kept", f"{reading.kept:.1%} of the {reading.neighbours} nearest"),
            ("Trustworthiness", f"{reading.trust:.3f}"),
            ("Cost of the look", f"{self.looked.cost_s * 1000:.0f} ms"),
        ]

    @override
    def numbers(self) -> dict[str, NDArray[Any]]:
        reading: EmbeddingTable | None = self.reading
        if reading is None:
            return {}
        return {
            "symbols": np.array(reading.symbols),
            "vectors": reading.vectors,
            "counts": reading.counts,
            "places": self._at,
            "variance_shares": reading.shares,
            "neighbours_kept": np.array([reading.kept]),
            "trustworthiness": np.array([reading.trust]),
        }

    @override
    def _invite(self) -> None:
        super()._invite()
        if self.refused is not None and "no vectors" in self.refused.what:
            self.empty_action("Open a character LSTM", self._open_template, icon="embedding")

    @Slot()
    def _open_template(self) -> None:
        self.template_wanted.emit(TEMPLATE)

    @Slot()
    def restyle(self) -> None:
        """Colour the dots from the theme in force."""
        if self.reading is not None:
            self._show_map(self.reading)


class _Halves(SideBody):
    """Map with its caption, and the side where there is room for both."""

    def __init__(self, left: EmbeddingMap, caption: ElidedLabel, side: EmbeddingSide) -> None:
        super().__init__(side, _SIDE_FROM)
        line = QHBoxLayout()
        line.setContentsMargins(16, 2, 12, 6)
        line.addWidget(caption)
        rows = QVBoxLayout()
        rows.setSpacing(0)
        rows.addWidget(left, 1)
        rows.addLayout(line)
        columns = QHBoxLayout(self)
        columns.setContentsMargins(0, 0, 0, 0)
        columns.setSpacing(0)
        columns.addLayout(rows, 1)
        columns.addWidget(side)
        follow_theme(self)


def trail_steps(kept: list[int], now: int) -> list[int]:
    """Return the earlier steps that a trail goes through, evenly among those kept."""
    before = [step for step in kept if step < now]
    chosen = np.linspace(0, len(before) - 1, min(TRAIL, len(before))).round().astype(int)
    return [before[int(index)] for index in dict.fromkeys(chosen)]


def caption(reading: EmbeddingTable) -> str:
    """Return how good the map is, in words."""
    if reading.progress < 1.0:
        return f"laying out neighbours, {reading.progress:.0%}"
    axes = f"both axes: {sum(reading.shares[:2]):.0%} of the variance · "
    if not np.isfinite(reading.kept):
        return axes.removesuffix(" · ") if reading.way == "pca" else ""
    nearest = f"{reading.neighbours} nearest" if reading.neighbours > 1 else "nearest"
    quality = f"keeps {reading.kept:.0%} of the {nearest} · trustworthiness {reading.trust:.2f}"
    return f"{axes if reading.way == 'pca' else ''}{quality}"


def _same_signs(places: Places, before: Places) -> Places:
    """Return principal axes pointing the way that they did before."""
    return places * np.where((places * before).sum(0) < 0, -1.0, 1.0)


def _by_frequency(
    counts: NDArray[np.int64],
) -> tuple[tuple[QColor, ...], tuple[tuple[str, QColor], ...]]:
    table = theme().lookup("probability")
    share = np.log1p(counts) / max(1e-9, float(np.log1p(counts.max(initial=0))))
    low = 48  # below, a dot is lost on the dark ground
    colours = tuple(QColor(*(int(c) for c in table[round(low + (255 - low) * s)])) for s in share)
    most = f"{counts.max(initial=0):,} in the text"
    ends = [QColor(*(int(c) for c in table[place])) for place in (255, low)]
    return colours, ((most, ends[0]), ("never (logarithmic)", ends[1]))
