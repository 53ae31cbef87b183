"""`KeepForm`: what a tune has to keep to: key, metre, range, number of bars, the last note."""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from seqstudio.records.messages import Constraints
from seqstudio.studio.listen.takes import tone_name
from seqstudio.studio.widgets import CheckField, ComboField, FormRow, Label, NumberField

_FREE = ("", "free")
_KEYS = ("C", "G", "D", "A", "E", "B", "F#", "Db", "Ab", "Eb", "Bb", "F")
_MINORS = ("A", "E", "B", "F#", "C#", "G#", "D#", "Bb", "F", "C", "G", "D")
_MODES = ("D dorian", "A dorian", "E dorian", "G mixolydian", "D mixolydian", "A mixolydian")
KEYS = (*(f"{key} major" for key in _KEYS), *(f"{key} minor" for key in _MINORS), *_MODES)
METERS = ("4/4", "3/4", "2/4", "6/8", "9/8", "12/8", "2/2", "3/2", "5/4", "7/8")
MOST_BARS = 256


class KeepForm(QWidget):
    """Each at rest asks for nothing.

    Signals:
        changed(): something else is asked for.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.key = ComboField([_FREE, *((k, k) for k in KEYS)], "", name="Keep the key")
        self.meter = ComboField([_FREE, *((m, m) for m in METERS)], "", name="Keep the metre")
        self.lowest = NumberField(0, 0, 127, form="int", name="Lowest pitch")
        self.highest = NumberField(127, 0, 127, form="int", name="Highest pitch")
        self.bars = NumberField(0, 0, MOST_BARS, form="int", name="Bars")
        self.tonic = CheckField("End on the tonic")
        self._tones = Label("", "small", "textLow")
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(0)
        for row in (
            FormRow("Key", self.key, help_text="Notes outside its scale are not chosen"),
            FormRow("Metre", self.meter, help_text="Bars are filled, neither more nor less"),
            FormRow("Range", self._range(), help_text="Lowest and highest MIDI number, 60 is C4"),
            FormRow("Bars", self.bars, unit="0: the model ends it"),
        ):
            rows.addWidget(row)
        rows.addWidget(self.tonic)
        for field in (self.key, self.meter, self.lowest, self.highest, self.bars, self.tonic):
            field.committed.connect(self._changed)
        self._tell()

    def _range(self) -> QWidget:
        both = QWidget()
        line = QHBoxLayout(both)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(6)
        line.addWidget(self.lowest)
        line.addWidget(Label("to", "small", "textLow"))
        line.addWidget(self.highest)
        line.addWidget(self._tones, 1)
        return both

    def constraints(self) -> Constraints:
        """Return what is asked for; a range the wrong way round is turned."""
        ends = sorted((int(self.lowest.value()), int(self.highest.value())))
        return Constraints(
            key=str(self.key.value() or ""),
            meter=str(self.meter.value() or ""),
            lowest=ends[0],
            highest=ends[1],
            bars=int(self.bars.value()),
            tonic=self.tonic.value(),
        )

    def set_constraints(self, wanted: Constraints) -> None:
        """Show other wishes, without a signal."""
        self.key.set_value(wanted.key if wanted.key in KEYS else "")
        self.meter.set_value(wanted.meter if wanted.meter in METERS else "")
        self.lowest.set_value(wanted.lowest)
        self.highest.set_value(wanted.highest)
        self.bars.set_value(wanted.bars)
        self.tonic.set_value(wanted.tonic)
        self._tell()

    def words(self) -> str:
        """Return the wishes in a few words, "" for none."""
        wanted, free = self.constraints(), Constraints()
        parts = [wanted.key, wanted.meter]
        if (wanted.lowest, wanted.highest) != (free.lowest, free.highest):
            parts.append(f"{tone_name(wanted.lowest)} to {tone_name(wanted.highest)}")
        if wanted.bars:
            parts.append(f"{wanted.bars} bars")
        parts.append("on the tonic" if wanted.tonic else "")
        return ", ".join(part for part in parts if part)

    @Slot()
    def _changed(self, _value: object = None) -> None:
        self._tell()
        self.changed.emit()

    def _tell(self) -> None:
        low, high = int(self.lowest.value()), int(self.highest.value())
        wide = (low, high) == (0, 127)
        self._tones.setText("" if wide else f"{tone_name(low)}–{tone_name(high)}")
