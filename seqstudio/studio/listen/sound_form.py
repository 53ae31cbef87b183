"""`SoundForm`: instrument, tempo and volume of the tune, and what became of the sound device."""

from __future__ import annotations

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from seqstudio.music.synth import INSTRUMENTS
from seqstudio.studio.listen.font_field import FontField
from seqstudio.studio.listen.midi_form import MidiForm
from seqstudio.studio.listen.sound import ListenSession
from seqstudio.studio.widgets import ComboField, FormRow, InlineError, Label, SliderField


class SoundForm(QWidget):
    """How the tune sounds."""

    def __init__(self, listen: ListenSession, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.listen = listen
        names = [name for name in INSTRUMENTS if name != "drums"]
        options = [(name, name.capitalize()) for name in names]
        self.instrument = ComboField(options, name="Instrument")
        self.tempo = SliderField(120, 30, 300, form="int", name="Tempo")
        self.volume = SliderField(100, 0, 100, form="int", name="Volume")
        self.output = Label("", "small", "textMid", wrap=True)
        self.no_sound = InlineError(severity="warn")
        self.retry_button = self.no_sound.add_action("Look again")
        self.no_sound.hide()
        self.sound_font = FontField(listen)
        self.midi = MidiForm(listen)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(0)
        for row in (
            FormRow("Instrument", self.instrument),
            FormRow("SoundFont", self.sound_font),
            FormRow("Tempo", self.tempo, help_text="Quarter notes a minute"),
            FormRow("Volume", self.volume, unit="%"),
            self.output,
            self.no_sound,
            self.midi,
        ):
            rows.addWidget(row)
        self.instrument.committed.connect(self._instrument_chosen)
        self.tempo.value_changed.connect(self._tempo_changed)
        self.volume.value_changed.connect(self._volume_changed)
        self.retry_button.clicked.connect(self.listen.retry_sound)

    def draw(self) -> None:
        """Show what is in force."""
        listen = self.listen
        if not self.tempo.track.isSliderDown():
            self.tempo.set_value(min(300.0, max(30.0, listen.tempo_bpm)))
        if listen.instrument in INSTRUMENTS and listen.instrument != "drums":
            self.instrument.set_value(listen.instrument)
        self.sound_font.draw()
        what, _, rest = listen.message.partition(": ")
        why = rest[:1].upper() + rest[1:]
        self.no_sound.set_message(what, why, "The playhead and everything else work.")
        self.no_sound.setVisible(bool(listen.message))
        self.retry_button.setVisible(listen.can_retry_sound)
        error = listen.error
        said = "The sound device is looked for" if listen.rendering else ""
        self.output.setText(error.sentence() if error is not None else said)
        self.output.setVisible(bool(self.output.text()))

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
