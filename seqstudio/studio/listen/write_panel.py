"""`WritePanel`: ask the model for a tune, steer it while it sounds, change a part of one."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from PySide6.QtCore import QSize, Qt, QTimer, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget
from typing_extensions import override

from seqstudio.music.guiding import guide
from seqstudio.records.messages import Constraints
from seqstudio.studio.listen.keep_form import KeepForm
from seqstudio.studio.listen.music_panel import MusicPanel
from seqstudio.studio.listen.prompt_form import PromptForm
from seqstudio.studio.listen.save_menu import SaveMenu
from seqstudio.studio.listen.sound import ListenSession
from seqstudio.studio.listen.sound_form import SoundForm
from seqstudio.studio.listen.take_desk import TakeDesk
from seqstudio.studio.listen.takes import Take
from seqstudio.studio.listen.wishes import (
    FILLINGS,
    Region,
    Wish,
    first_notes,
    open_end,
    place_of,
)
from seqstudio.studio.panels.explanation import Explanation
from seqstudio.studio.widgets import (
    Button,
    FormRow,
    IconButton,
    Label,
    NumberField,
    Segments,
    SliderField,
)

if TYPE_CHECKING:
    from seqstudio.studio.session import Session

NARROWEST, WIDEST = 318, 420
_LAST_SEED = 2**31 - 1
_ROLLED_SEEDS = 10_000
_STEER_MS = 120


class WritePanel(MusicPanel):
    """Prompt, choice, constraints, seed of the next tune; what may change while it comes."""

    title = "Write and play"
    explanation: ClassVar[Explanation] = Explanation(
        "Temperature divides the scores before the softmax: below 1 the likely becomes likelier, "
        "0 always takes the likeliest. Top k keeps the k likeliest tokens, top p the smallest "
        "set that reaches p. The same model, settings and seed write the same tune.\n\n"
        "Live: the model stays two bars ahead of the playhead, and what you change here holds "
        "from the next bar on. At once: it writes as fast as it can.\n\n"
        "Keep to: tokens that would break a wish get probability 0 and the others are "
        "renormalised. Continue goes on behind the selected bars, or behind the tune. Fill in "
        "writes the selected bars anew, several times, and keeps the one after which the rest of "
        "the tune is likeliest. Vary does the same but keeps the first notes.",
        (r"p_i = \mathrm{softmax}(z_i / T)",),
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
        self._last: Wish | None = None
        self._guided: tuple[object, bool] = (None, False)
        self.begin = PromptForm(self.listen)
        self.keep = KeepForm()
        self.sound = SoundForm(self.listen)
        self.saving = SaveMenu(self.listen)
        self._make_choice()
        self._make_acts()
        self.set_body(self._lay_out())
        self.setMaximumWidth(WIDEST)
        self._settle = QTimer(self, interval=_STEER_MS, singleShot=True)
        self._settle.timeout.connect(self._steer)
        self._connect()
        self._take_project_settings()

    # Making the form

    def _make_choice(self) -> None:
        self.temperature = SliderField(0.8, 0.0, 2.0, form=".2f", marks=(1.0,), name="Temperature")
        self.top_p = SliderField(1.0, 0.05, 1.0, form=".2f", name="Top p")
        self.top_k = NumberField(0, 0, 10_000, form="int", name="Top k")
        self.length = NumberField(500, 1, 20_000, form="int", step=50, name="Length")
        self.seed = NumberField(0, 0, _LAST_SEED, form="int", name="Seed")
        self.seed.setMinimumWidth(116)
        self.dice = IconButton("redo", "Another seed")
        self._length_row = FormRow("Length", self.length, unit="tokens")

    def _make_acts(self) -> None:
        self.pace = Segments([("live", "Live"), ("once", "At once")], "once", name="Pace")
        self.write_button = Button("Write another", kind="primary", icon="note")
        self.end_button = Button("End here", icon="stop")
        self.end_button.setToolTip("End the tune with the bar that is being written")
        self.end_button.hide()
        self.refusal = Label("", "small", "textMid", wrap=True)
        self.region_words = Label("", "small", "textMid", wrap=True)
        self.continue_button = Button("Continue")
        self.fill_button = Button("Fill in")
        self.vary_button = Button("Vary")
        self.more_keep = IconButton("chevron-right", "Show what it has to keep to", checkable=True)
        self.keep_words = Label("nothing", "small", "textLow", wrap=True)

    def _lay_out(self) -> QWidget:
        scroll = QScrollArea()
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        inside = QWidget()
        rows = QVBoxLayout(inside)
        rows.setContentsMargins(12, 8, 12, 12)
        rows.setSpacing(0)
        rows.addWidget(self.begin)
        for row in self._choice_rows():
            rows.addWidget(row)
        rows.addLayout(self._keep_head())
        rows.addWidget(self.keep)
        self.keep.hide()
        rows.addSpacing(8)
        rows.addLayout(_line(self.pace, QWidget(), self.end_button, wide=1))
        rows.addSpacing(6)
        rows.addWidget(self.write_button)
        rows.addWidget(self.refusal)
        rows.addWidget(_Heading("Selected bars"))
        rows.addWidget(self.region_words)
        rows.addSpacing(4)
        rows.addLayout(_line(self.continue_button, self.fill_button, self.vary_button))
        rows.addWidget(_Heading("Sound"))
        rows.addWidget(self.sound)
        rows.addSpacing(12)
        rows.addWidget(self.saving)
        rows.addStretch(1)
        scroll.setWidget(inside)
        return scroll

    def _choice_rows(self) -> list[QWidget]:
        seed = QWidget()
        line = QHBoxLayout(seed)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(6)
        line.addWidget(self.seed)
        line.addWidget(self.dice)
        line.addStretch(1)
        return [
            FormRow("Temperature", self.temperature),
            FormRow("Top p", self.top_p),
            FormRow("Top k", self.top_k, unit="0 is off"),
            self._length_row,
            FormRow("Seed", seed, help_text="The same seed writes the same tune"),
        ]

    def _keep_head(self) -> QHBoxLayout:
        line = QHBoxLayout()
        line.setContentsMargins(0, 4, 0, 4)
        line.setSpacing(6)
        line.addWidget(self.more_keep)
        line.addWidget(Label("Keep to", "body", "textMid"))
        line.addWidget(self.keep_words, 1)
        return line

    def _connect(self) -> None:
        self.begin.changed.connect(self._show_refusal)
        self.dice.clicked.connect(self.roll_seed)
        self.write_button.clicked.connect(self.write_another)
        self.end_button.clicked.connect(self.desk.end_here)
        self.more_keep.toggled.connect(self._open_keep)
        self.continue_button.clicked.connect(self.continue_tune)
        self.fill_button.clicked.connect(self.fill_in)
        self.vary_button.clicked.connect(self.vary)
        self.pace.value_changed.connect(self._changed)
        self.keep.changed.connect(self._changed)
        for field in (self.temperature, self.top_p, self.top_k):
            field.value_changed.connect(self._changed)
        self.listen.selection_changed.connect(self.invalidate)
        self.desk.writing_changed.connect(self.invalidate)

    def _take_project_settings(self) -> None:
        wish = self.session.project.sampling
        for field, value in (
            (self.temperature, min(wish.temperature, 2.0)),
            (self.top_p, max(wish.top_p, 0.05)),
            (self.top_k, wish.top_k),
            (self.length, wish.length),
        ):
            field.set_value(value)
        self.roll_seed()

    # What is shown

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(NARROWEST, super().minimumSizeHint().height())

    @override
    def draw(self) -> None:
        if not self.listen.is_music:
            super().draw()
            return
        self.show_body()
        self.begin.take_style()
        self.sound.draw()
        self._show_guided()
        self._show_region()
        self._show_refusal()

    @override
    def tell(self) -> None:
        music = self.listen.is_music
        words = self.session.run_title() if music else ""
        if self.desk.wish is not None and self.desk.wish.live and self.listen.take is not None:
            bars = len(self.listen.take.score.bar_starts)
            words = f"writing live, {bars} bar{'s' * (bars != 1)} so far"
        self.header.set_subtitle(words)

    @property
    def guided(self) -> bool:
        """Whether the model's data have bars that writing can be guided by."""
        dataset = self.session.dataset
        project = self.session.run_project or self.session.project
        if self._guided[0] is not dataset:
            symbols = dataset.vocabulary.symbols if dataset and dataset.vocabulary else ()
            known = bool(symbols) and guide(project.data.kind, Constraints(), symbols) is not None
            self._guided = dataset, known
        return self._guided[1]

    def _show_guided(self) -> None:
        """Offer constraints and the live pace where the data have bars."""
        guided = self.guided
        self.pace.set_enabled("live", guided, "Texts without bars are written at once")
        if not guided and self.pace.value() == "live":
            self.pace.set_value("once")
        self.more_keep.setEnabled(guided)
        self.keep.setEnabled(guided)
        none = "nothing" if guided else "not possible: these data have no bars"
        self.keep_words.setText(self.keep.words() or none)

    def _show_region(self) -> None:
        take, region = self.take, self.listen.selection
        place = place_of(take, region) if take is not None and take.done else None
        idle = self.session.state == "idle" or place is None
        self.continue_button.setEnabled(not idle)
        self.fill_button.setEnabled(not idle and region is not None and self.guided)
        self.vary_button.setEnabled(not idle and region is not None and self.guided)
        self.region_words.setText(_region_words(take, region))

    @Slot()
    def _show_refusal(self) -> None:
        idle = self.session.state == "idle"
        words = "Press Train first: there is no model that could write." if idle else ""
        self.refusal.setText(words)
        self.refusal.setVisible(bool(words))
        self.write_button.setEnabled(not idle and not self.begin.unknown_symbols())
        self.end_button.setVisible(self.desk.writing)

    @Slot(bool)
    def _open_keep(self, shown: bool) -> None:
        self.keep.setVisible(shown)
        self.more_keep.set_icon("chevron-down" if shown else "chevron-right")

    # What the person does

    def wish(self) -> Wish:
        """Return what the form asks for."""
        return Wish(
            prompt=self.begin.prompt(),
            length=int(self.length.value()),
            temperature=float(self.temperature.value()),
            top_k=int(self.top_k.value()),
            top_p=float(self.top_p.value()),
            seed=int(self.seed.value()),
            constraints=self.keep.constraints() if self.guided else Constraints(),
            live=self.pace.value() == "live",
        )

    @Slot()
    def roll_seed(self) -> None:
        """Draw another seed and show it."""
        self.seed.set_value(random.randrange(_ROLLED_SEEDS))

    @Slot()
    def write_another(self) -> None:
        """Ask for a tune; with nothing changed since the last one, another seed is drawn."""
        if not self.write_button.isEnabled():
            return
        if self._last == self.wish():
            self.roll_seed()
        self._last = self.wish()
        self.desk.write(self._last)

    @Slot()
    def continue_tune(self) -> None:
        """Let the model go on behind the selected bars, or behind the tune."""
        take = self.take
        place = place_of(take, self.listen.selection) if take is not None else None
        if take is None or place is None:
            return
        chosen = self.listen.selection is not None
        prompt = place.before + place.inside if chosen else open_end(take)
        self._write_part(replace(self.wish(), prompt=prompt))

    @Slot()
    def fill_in(self) -> None:
        """Let the model write the selected bars anew."""
        self._fill(0)

    @Slot()
    def vary(self) -> None:
        """Let the model write the selected bars anew but for their first notes."""
        take = self.take
        place = place_of(take, self.listen.selection) if take is not None else None
        if take is not None and place is not None:
            self._fill(first_notes(take, place))

    def _fill(self, kept: int) -> None:
        take = self.take
        place = place_of(take, self.listen.selection) if take is not None else None
        if place is None:
            return
        wish = self.wish()
        constraints = replace(wish.constraints, bars=place.bars, tonic=False)
        self._write_part(replace(
            wish, prompt=place.before + place.inside[:kept], after=place.after,
            length=max(64, 4 * len(place.inside)), tries=FILLINGS, constraints=constraints,
            live=False,
        ))  # fmt: skip

    def _write_part(self, wish: Wish) -> None:
        """Ask for a part; asked again, it comes with another seed."""
        if self._last == wish:
            self.roll_seed()
            wish = replace(wish, seed=int(self.seed.value()))
        self._last = wish
        self.desk.write(wish)

    @Slot()
    def _changed(self, _value: object = None) -> None:
        self.keep_words.setText(self.keep.words() or "nothing")
        if self.desk.writing:
            self._settle.start()  # a slider on its way would send thirty wishes a second

    @Slot()
    def _steer(self) -> None:
        self.desk.change(self.wish())


class _Heading(Label):
    """The name of a group of rows."""

    def __init__(self, text: str) -> None:
        super().__init__(text, "panelTitle", "textHi")
        self.setContentsMargins(0, 18, 0, 6)


def _line(*widgets: QWidget, wide: int = -1) -> QHBoxLayout:
    line = QHBoxLayout()
    line.setSpacing(6)
    for number, widget in enumerate(widgets):
        line.addWidget(widget, 1 if wide in {-1, number} else 0)
    return line


def _region_words(take: Take | None, region: Region | None) -> str:
    if take is None or not take.done:
        return "Changes need a tune that is whole."
    if region is None:
        return "None: Continue goes on behind the tune. Select bars in the roll to rewrite them."
    first = take.bar_of(float(region[0]))[0]
    last, share = take.bar_of(float(region[1]))
    last = last - 1 if share < 1e-6 and last > first else last
    return f"Bar {first}" if first == last else f"Bars {first} to {last}"
