"""`ShelfPanel`: every take that was asked for, drawn, imported or played: judged, compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)
from typing_extensions import override

from seqstudio.records.messages import StateChanged
from seqstudio.records.readings import Sample
from seqstudio.studio.listen.compare_view import MOST as MOST_COMPARED
from seqstudio.studio.listen.compare_view import CompareView
from seqstudio.studio.listen.music_panel import MusicPanel
from seqstudio.studio.listen.shelf_file import KeptTake
from seqstudio.studio.listen.sound import ListenSession
from seqstudio.studio.listen.take_card import TakeCard
from seqstudio.studio.listen.take_desk import TakeDesk
from seqstudio.studio.panels.explanation import Explanation
from seqstudio.studio.widgets import Button, ComboField, Segments

if TYPE_CHECKING:
    from seqstudio.studio.session import Session

PAGE = 60
_ORDERS = {
    "new": lambda kept: -kept.made_at,
    "stars": lambda kept: (-kept.stars, -kept.made_at),
    "bars": lambda kept: (-_share(kept), -kept.made_at),
    "step": lambda kept: (-(kept.step or -1), -kept.made_at),
    "name": lambda kept: (kept.title.lower(), -kept.made_at),
}
_ORDER_NAMES = [("new", "newest first"), ("stars", "most stars"), ("bars", "fullest bars"),
                ("step", "latest step"), ("name", "by name")]  # fmt: skip
_STARS = [(0, "all"), *((n, f"{'★' * n} and up") for n in range(1, 6))]


class ShelfPanel(MusicPanel):
    """Cards of the takes, or the comparison of some."""

    title = "Takes"
    kinds: ClassVar[frozenset[type]] = frozenset({Sample, StateChanged})
    explanation: ClassVar[Explanation] = Explanation(
        "Every tune that you ask for, draw, import or play becomes a take. Takes lie beside the "
        "project, in its .runs folder under takes, a file each; a deleted one stays in "
        "takes/deleted. “8/8 bars” are bars that fill their metre. Write it again from its seed "
        "asks the weights of the same step if the run kept them: they write the same take. "
        "Otherwise the newest ones write.\n\n"
        "Tick two or more and press A/B: they stand on one time axis, and each is heard from "
        "the beat where the last one was."
    )

    def __init__(
        self,
        session: Session,
        parent: QWidget | None = None,
        *,
        listen: ListenSession | None = None,
    ) -> None:
        super().__init__(session, parent, listen=listen)
        self.desk = TakeDesk.of(self.listen)
        self.cards: list[TakeCard] = []
        self.compared: list[str] = []
        self._most = PAGE
        self._make_head()
        self.comparison = CompareView(self.desk)
        self.comparison.left.connect(self._leave)
        self._pages = QStackedWidget()
        self._pages.addWidget(self._make_list())
        self._pages.addWidget(self.comparison)
        self.set_body(self._pages)
        self.desk.shelf_changed.connect(self.invalidate)
        self.listen.playing_changed.connect(self._mark)

    def _make_head(self) -> None:
        self.view = Segments([("list", "List"), ("compare", "A/B")], name="Takes")
        self.undo_button = Button("Undo delete", kind="text")
        self.undo_button.hide()
        self.header.add_switch(self.undo_button)
        self.header.add_switch(self.view)
        self.view.value_changed.connect(self.show_view)
        self.undo_button.clicked.connect(self.desk.undo_delete)

    def _make_list(self) -> QWidget:
        self.order = ComboField(_ORDER_NAMES, "new", name="Order")
        self.least_stars = ComboField(_STARS, 0, name="Stars")
        self.more_button = Button("Show more", kind="text")
        scroll = QScrollArea()
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        inside = QWidget()
        self._column = QVBoxLayout(inside)
        self._column.setContentsMargins(8, 0, 8, 8)
        self._column.setSpacing(6)
        self._column.addWidget(self.more_button, 0, Qt.AlignmentFlag.AlignLeft)
        self._column.addStretch(1)
        scroll.setWidget(inside)
        page = QWidget()
        line = QHBoxLayout()
        line.setContentsMargins(8, 6, 8, 6)
        line.setSpacing(8)
        line.addWidget(self.order, 1)
        line.addWidget(self.least_stars, 1)
        rows = QVBoxLayout(page)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(0)
        rows.addLayout(line)
        rows.addWidget(scroll, 1)
        for field in (self.order, self.least_stars):
            field.committed.connect(self._arranged)
        self.more_button.clicked.connect(self._show_more)
        return page

    # What is shown

    @override
    def forget(self) -> None:
        self.compared.clear()

    def shown(self) -> list[KeptTake]:
        """Return the takes that the filter lets through, in the chosen order."""
        least = int(str(self.least_stars.value()))
        takes = [take for take in self.desk.shelf.takes if take.stars >= least]
        return sorted(takes, key=_ORDERS[str(self.order.value())])

    @override
    def draw(self) -> None:
        takes = self.desk.shelf.takes
        if not takes and not self.listen.is_music:
            super().draw()
            return
        if not takes:
            how = "Ask the model for a tune, or draw one in the roll: it is kept here."
            self.show_empty("note", "No takes yet", how, cover=True)
        else:
            self.show_body()
        shown = self.shown()
        self._show_cards(shown[: self._most])
        rest = len(shown) - self._most
        self.more_button.setVisible(rest > 0)
        self.more_button.setText(f"Show {min(rest, PAGE)} more")
        self._show_compared()

    def _show_cards(self, takes: list[KeptTake]) -> None:
        while len(self.cards) > len(takes):
            card = self.cards.pop()
            self._column.removeWidget(card)
            card.hide()
            card.deleteLater()
        for card, kept in zip(self.cards, takes, strict=False):
            if card.kept is not kept:
                card.set_kept(kept)
        for kept in takes[len(self.cards) :]:
            self._add_card(kept)
        self._mark()

    def _add_card(self, kept: KeptTake) -> None:
        card = TakeCard(kept)
        card.play_wanted.connect(self._play)
        card.open_wanted.connect(self._open)
        card.repeat_wanted.connect(self._repeat)
        card.changed.connect(self._change)
        card.delete_wanted.connect(self.desk.delete)
        card.compare_toggled.connect(self._toggle_compared)
        self._column.insertWidget(len(self.cards), card)
        self.cards.append(card)

    def _show_compared(self) -> None:
        found = [self.desk.shelf.get(key) for key in self.compared]
        takes = [take for take in found if take is not None]
        self.compared = [take.key for take in takes]
        self.comparison.set_takes(takes)
        many = len(takes) > 1
        self.view.set_enabled("compare", many, "Tick two takes or more in the list")
        if not many and self.view.value() == "compare":
            self.show_view("list")

    @override
    def tell(self) -> None:
        count, shown = len(self.desk.shelf.takes), len(self.shown())
        words = f"{count} take{'s' * (count != 1)}"
        if shown != count:
            words = f"{shown} of {words}"
        self.header.set_subtitle(words if count else "")
        last = self.desk.last_deleted
        self.undo_button.setVisible(last is not None)
        if last is not None:
            self.undo_button.setToolTip(f"Bring back “{last.title}”")

    @Slot(str)
    def show_view(self, name: str) -> None:
        """Show the "list" or the "compare" page."""
        self.view.set_value(name)
        self._pages.setCurrentIndex(1 if name == "compare" else 0)
        if name == "compare":
            self.comparison.setFocus()

    @Slot()
    def _mark(self, _playing: bool = False) -> None:
        for card in self.cards:
            card.set_current(card.kept.is_heard(self.take), self.listen.playing)
            card.set_compared(card.kept.key in self.compared)

    # What the person does

    @Slot(object)
    def _arranged(self, _value: object) -> None:
        self._most = PAGE
        self.invalidate()

    @Slot()
    def _show_more(self) -> None:
        self._most += PAGE
        self.invalidate()

    @Slot(object)
    def _play(self, kept: object) -> None:
        if not isinstance(kept, KeptTake):
            return
        if kept.is_heard(self.take):
            self.listen.toggle()
            return
        self.listen.stop()
        self.desk.listen_to(kept)
        self.listen.play()

    @Slot(object)
    def _open(self, kept: object) -> None:
        if isinstance(kept, KeptTake):
            self.desk.listen_to(kept)

    @Slot(object)
    def _change(self, kept: object) -> None:
        if isinstance(kept, KeptTake):
            self.desk.change_take(kept)

    @Slot(object)
    def _repeat(self, kept: object) -> None:
        if isinstance(kept, KeptTake):
            self.desk.repeat(kept)

    @Slot(str, bool)
    def _toggle_compared(self, key: str, on: bool) -> None:
        others = [each for each in self.compared if each != key]
        self.compared = [*others, key][-MOST_COMPARED:] if on else others
        self.invalidate()

    @Slot(str)
    def _leave(self, key: str) -> None:
        self._toggle_compared(key, False)


def _share(kept: KeptTake) -> float:
    found = kept.findings
    return found.full_bars / found.bars if found.bars else -1.0
