"""`WritePanel`: ask the model for a tune, choose how it sounds, save it."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import (
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QPlainTextEdit,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)
from typing_extensions import override

from seqstudio.core.errors import SeqError
from seqstudio.data.dataset import Dataset
from seqstudio.data.vocabulary import name_of
from seqstudio.music.synth import INSTRUMENTS
from seqstudio.studio.listen.music_panel import MusicPanel
from seqstudio.studio.listen.prompts import BookStyle, style_of
from seqstudio.studio.listen.sound import ListenSession, Saved
from seqstudio.studio.listen.takes import Take
from seqstudio.studio.panels.explanation import Explanation
from seqstudio.studio.theme import follow_theme, theme
from seqstudio.studio.widgets import (
    Button,
    ComboField,
    FormRow,
    IconButton,
    InlineError,
    Label,
    NumberField,
    Segments,
    SliderField,
)

if TYPE_CHECKING:
    from seqstudio.studio.session import Session

FILES = {
    ".abc": ("ABC", "ABC tune (*.abc)"),
    ".mid": ("MIDI", "MIDI file (*.mid)"),
    ".wav": ("WAV", "WAV sound (*.wav)"),
}
_LAST_SEED = 2**31 - 1
_ROLLED_SEEDS = 10_000
_FREE_HEIGHT = 84
_STYLE_CHARACTERS = 400_000
_ANY = "as the model likes"


class WritePanel(MusicPanel):
    """Prompt, choice and seed of the next tune; instrument, tempo, volume; saving."""

    title = "Write and play"
    explanation: ClassVar[Explanation] = Explanation(
        "Temperature divides the scores before the softmax: below 1 the likely becomes likelier, "
        "0 always takes the likeliest. Top k keeps the k likeliest characters, top p the "
        "smallest set that reaches p. The same model, settings and seed write the same tune.",
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
        self.style_of_book: BookStyle | None = None
        self._dataset: Dataset | None = None
        self._last: tuple[object, ...] = ()
        self._checked: tuple[object, tuple[str, ...]] = (None, ())
        self._make_prompt()
        self._make_choice()
        self._make_sound()
        self.set_body(self._lay_out())
        self._connect()
        self._take_project_settings()
        follow_theme(self)

    # Making the form

    def _make_prompt(self) -> None:
        self.kind = Segments([("key", "Key and metre"), ("free", "Free text")], name="Prompt")
        self.key = ComboField([("", _ANY)], "", name="Key")
        self.meter = ComboField([("", _ANY)], "", name="Metre")
        self.free = QPlainTextEdit()
        self.free.setAccessibleName("Prompt in ABC")
        self.free.setTabChangesFocus(True)
        self.unknown = Label("", "small", "error", wrap=True)
        self.unknown.hide()
        keys = QWidget()
        rows = QVBoxLayout(keys)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(0)
        rows.addWidget(FormRow("Key", self.key))
        rows.addWidget(FormRow("Metre", self.meter))
        rows.addStretch(1)
        self._prompts = QStackedWidget()
        self._prompts.addWidget(keys)
        self._prompts.addWidget(self.free)

    def _make_choice(self) -> None:
        self.temperature = SliderField(0.8, 0.0, 2.0, form=".2f", marks=(1.0,), name="Temperature")
        self.top_p = SliderField(1.0, 0.05, 1.0, form=".2f", name="Top p")
        self.top_k = NumberField(0, 0, 10_000, form="int", name="Top k")
        self.length = NumberField(500, 1, 20_000, form="int", step=50, name="Length")
        self.seed = NumberField(0, 0, _LAST_SEED, form="int", name="Seed")
        self.seed.setMinimumWidth(116)
        self.dice = IconButton("redo", "Another seed")
        self.write_button = Button("Write another", kind="primary", icon="note")
        self.refusal = Label("", "small", "textMid", wrap=True)

    def _make_sound(self) -> None:
        options = [(name, name.capitalize()) for name in INSTRUMENTS]
        self.instrument = ComboField(options, self.listen.instrument, name="Instrument")
        self.tempo = SliderField(120, 30, 300, form="int", name="Tempo")
        self.volume = SliderField(100, 0, 100, form="int", name="Volume")
        self.output = Label("", "small", "textMid", wrap=True)
        self.no_sound = InlineError(severity="warn")
        self.trouble = InlineError()
        self.saves = {suffix: Button(name) for suffix, (name, _) in FILES.items()}
        for suffix, button in self.saves.items():
            button.setToolTip(f"Save the tune as {FILES[suffix][1]}")
            button.setAccessibleName(f"Save {FILES[suffix][0]}")
        self.no_sound.hide()
        self.trouble.hide()

    def _lay_out(self) -> QWidget:
        scroll = QScrollArea()
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        inside = QWidget()
        rows = QVBoxLayout(inside)
        rows.setContentsMargins(12, 8, 12, 12)
        rows.setSpacing(0)
        rows.addWidget(self.kind, 0, Qt.AlignmentFlag.AlignLeft)
        rows.addSpacing(6)
        for widget in (self._prompts, self.unknown, *self._choice_rows()):
            rows.addWidget(widget)
        rows.addSpacing(8)
        rows.addWidget(self.write_button)
        rows.addWidget(self.refusal)
        rows.addWidget(_Heading("Sound"))
        for widget in (*self._sound_rows(), self.output, self.no_sound):
            rows.addWidget(widget)
        rows.addWidget(_Heading("Save the tune"))
        line = QHBoxLayout()
        line.setSpacing(6)
        for button in self.saves.values():
            line.addWidget(button, 1)
        rows.addLayout(line)
        rows.addWidget(self.trouble)
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
            FormRow("Length", self.length, unit="characters"),
            FormRow("Seed", seed, help_text="The same seed writes the same tune"),
        ]

    def _sound_rows(self) -> list[QWidget]:
        return [
            FormRow("Instrument", self.instrument),
            FormRow("Tempo", self.tempo, help_text="Quarter notes a minute"),
            FormRow("Volume", self.volume, unit="%"),
        ]

    def _connect(self) -> None:
        self.kind.value_changed.connect(self._kind_changed)
        self.free.textChanged.connect(self._check_prompt)
        self.dice.clicked.connect(self.roll_seed)
        self.write_button.clicked.connect(self.write_another)
        self.instrument.committed.connect(self._instrument_chosen)
        self.tempo.value_changed.connect(self._tempo_changed)
        self.volume.value_changed.connect(self._volume_changed)
        for suffix, button in self.saves.items():
            button.setProperty("suffix", suffix)
            button.clicked.connect(self._ask_file)
        self.listen.saved.connect(self._saved)

    def _take_project_settings(self) -> None:
        wish = self.session.project.sampling
        for field, value in (
            (self.temperature, min(wish.temperature, 2.0)),
            (self.top_p, max(wish.top_p, 0.05)),
            (self.top_k, wish.top_k),
            (self.length, wish.length),
        ):
            field.set_value(value)
        self.free.setPlainText(wish.prompt)
        self.roll_seed()

    # What is shown

    @override
    def draw(self) -> None:
        if not self.listen.is_music:
            super().draw()
            return
        self.show_body()
        self._take_style()
        if self.take is not None:
            self.draw_take(self.take)
        self._show_refusal()
        self._show_output()

    @override
    def draw_take(self, take: Take) -> None:
        if not self.tempo.track.isSliderDown():
            self.tempo.set_value(min(300.0, max(30.0, self.listen.tempo_bpm)))
        for suffix, button in self.saves.items():
            button.setEnabled(take.done and (suffix == ".abc" or bool(take.score.notes)))

    @override
    def tell(self) -> None:
        music = self.listen.is_music
        self.header.set_subtitle(self.session.run_title() if music else "")

    def _take_style(self) -> None:
        """Offer keys and metres of the training text, read in a worker thread."""
        dataset = self.session.dataset
        if dataset is self._dataset or dataset is None or dataset.vocabulary is None:
            return
        self._dataset = dataset

        def finish(style: BookStyle) -> None:
            if dataset is self._dataset:
                self._offer(style)

        self.listen.in_background(
            lambda: style_of(dataset.preview("train", _STYLE_CHARACTERS)), finish
        )

    def _offer(self, style: BookStyle) -> None:
        self.style_of_book = style
        for field, values in ((self.key, style.keys), (self.meter, style.meters)):
            field.set_options([("", _ANY), *((value, value) for value in values)])
        self._check_prompt()

    def prompt(self) -> str:
        """Return the prompt as it would be sent."""
        if self.kind.value() == "free":
            return self.free.toPlainText()
        key, meter = str(self.key.value() or ""), str(self.meter.value() or "")
        if self.style_of_book is None or not (key or meter):
            return self.session.project.sampling.prompt
        return self.style_of_book.header(key, meter)

    @Slot(str)
    def _kind_changed(self, kind: str) -> None:
        if kind == "free" and (self.key.value() or self.meter.value()):
            chosen = self.style_of_book
            if chosen is not None:
                self.free.setPlainText(
                    chosen.header(str(self.key.value() or ""), str(self.meter.value() or ""))
                )
        self._prompts.setCurrentIndex(1 if kind == "free" else 0)
        self._check_prompt()

    def unknown_symbols(self) -> tuple[str, ...]:
        """Return the characters of the prompt that the model never saw."""
        dataset = self.session.dataset
        if dataset is None or dataset.vocabulary is None:
            return ()
        asked = (dataset, self.prompt())
        if asked != self._checked[0]:  # a millisecond: too much for every redraw
            self._checked = (asked, dataset.vocabulary.unknown(asked[1]))
        return self._checked[1]

    @Slot()
    def _check_prompt(self) -> None:
        unknown = self.unknown_symbols()
        names = ", ".join(name_of(symbol) for symbol in unknown[:8])
        self.unknown.setText(f"The model never saw: {names}. Take them out." if unknown else "")
        self.unknown.setVisible(bool(unknown))
        self._show_refusal()

    def _show_refusal(self) -> None:
        idle = self.session.state == "idle"
        words = "Press Train first: there is no model that could write." if idle else ""
        self.refusal.setText(words)
        self.refusal.setVisible(bool(words))
        self.write_button.setEnabled(not idle and not self.unknown_symbols())

    def _show_output(self) -> None:
        message, error = self.listen.message, self.listen.error
        what, _, rest = message.partition(": ")
        self.no_sound.set_message(
            what, rest[:1].upper() + rest[1:], "The playhead and everything else work."
        )
        self.no_sound.setVisible(bool(message))
        if error is not None:
            self.output.setText(error.sentence())
        elif self.listen.rendering:
            self.output.setText("The sound is being made")
        else:
            self.output.setText("Output: the system's sound device, 0.2 s ahead")
        self.output.setVisible(error is not None or not message)

    # What the person does

    @Slot()
    def roll_seed(self) -> None:
        """Draw another seed and show it."""
        self.seed.set_value(random.randrange(_ROLLED_SEEDS))

    @Slot()
    def write_another(self) -> None:
        """Ask for a tune; with nothing changed since the last one, another seed is drawn."""
        if not self.write_button.isEnabled():
            return
        if self._last == self._settings():
            self.roll_seed()
        self._last = self._settings()
        self.listen.write(
            self.prompt(),
            int(self.length.value()),
            float(self.temperature.value()),
            int(self.top_k.value()),
            float(self.top_p.value()),
            int(self.seed.value()),
        )

    def _settings(self) -> tuple[object, ...]:
        fields = (self.length, self.temperature, self.top_k, self.top_p, self.seed)
        return (self.prompt(), *(field.value() for field in fields))

    @Slot(object)
    def _instrument_chosen(self, name: object) -> None:
        self.listen.set_instrument(str(name))

    @Slot(object)
    def _tempo_changed(self, bpm: object) -> None:
        if isinstance(bpm, (int, float)):
            self.listen.set_tempo(float(bpm))

    @Slot(object)
    def _volume_changed(self, percent: object) -> None:
        if isinstance(percent, (int, float)):
            self.listen.set_volume(float(percent) / 100)

    @Slot()
    def _ask_file(self) -> None:
        button = self.sender()
        take = self.take
        if take is None or not isinstance(button, Button):
            return
        suffix = str(button.property("suffix"))
        name = _file_name(take.title) + suffix
        dialog = QFileDialog(self, f"Save {FILES[suffix][0]}", name, FILES[suffix][1])
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix(suffix[1:])
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self.save)
        dialog.open()

    @Slot(str)
    def save(self, path: str) -> None:
        """Save the tune in the form that the name of the file asks for."""
        self.trouble.hide()
        self.listen.save(Path(path))

    @Slot(object)
    def _saved(self, saved: object) -> None:
        if not isinstance(saved, Saved):
            return
        if saved.error is None:
            from seqstudio.studio.session import Notice

            self.session.notice.emit(Notice(f"Saved {saved.path.name}", "", "", "success"))
        else:
            self._show_trouble(saved.error)

    def _show_trouble(self, error: SeqError) -> None:
        self.trouble.set_error(error)
        self.trouble.show()

    @Slot()
    def restyle(self) -> None:
        """Take fonts and heights from the theme in force."""
        self.free.setFont(theme().font("mono"))
        self._prompts.setFixedHeight(max(_FREE_HEIGHT, 2 * theme().metric("formRow") + 2))


class _Heading(Label):
    """The name of a group of rows."""

    def __init__(self, text: str) -> None:
        super().__init__(text, "panelTitle", "textHi")
        self.setContentsMargins(0, 18, 0, 6)


def _file_name(title: str) -> str:
    """Return a title as a name that every file system takes."""
    kept = "".join(c if c.isalnum() else "-" for c in title.lower())
    return "-".join(filter(None, kept.split("-")))[:60] or "tune"
