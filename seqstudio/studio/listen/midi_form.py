"""`MidiForm`: the MIDI ports that notes go to and come from, recording, panic."""

from __future__ import annotations

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from seqstudio.studio.listen.sound import ListenSession
from seqstudio.studio.widgets import Button, ComboField, FormRow, Label

_NONE = ("", "None")


class MidiForm(QWidget):
    """Ports are looked for when the person asks: drivers take their time over it."""

    def __init__(self, listen: ListenSession, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.listen = listen
        self.out = ComboField([_NONE], "", name="MIDI out")
        self.into = ComboField([_NONE], "", name="MIDI in")
        self.look_button = Button("Look for ports", kind="text")
        self.record_button = Button("Record a phrase")
        self.panic_button = Button("Panic", kind="text")
        self.panic_button.setToolTip("Silence everything: all notes off on every channel")
        self.words = Label("", "small", "textMid", wrap=True)
        self._lay_out()
        self.out.committed.connect(lambda name: listen.set_midi_out(str(name)))
        self.into.committed.connect(lambda name: listen.set_midi_in(str(name)))
        self.look_button.clicked.connect(listen.look_for_ports)
        self.record_button.clicked.connect(self._record)
        self.panic_button.clicked.connect(listen.panic)
        listen.ports_changed.connect(self.draw)
        listen.recording_changed.connect(self.draw)
        self.draw()

    def _lay_out(self) -> None:
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(0)
        rows.addWidget(FormRow("MIDI out", self.out))
        rows.addWidget(FormRow("MIDI in", self.into))
        buttons = QHBoxLayout()
        for button in (self.record_button, self.look_button, self.panic_button):
            buttons.addWidget(button)
        buttons.addStretch()
        rows.addLayout(buttons)
        rows.addWidget(self.words)

    @Slot()
    def draw(self) -> None:
        """Show the ports that there are, and what is in force."""
        ports = self.listen.midi_ports()
        for field, names, chosen in (
            (self.out, ports.outputs, self.listen.midi_out),
            (self.into, ports.inputs, self.listen.midi_in),
        ):
            field.set_options([_NONE, *((name, name) for name in names)])
            field.set_value(chosen if chosen in names else "")
            field.setEnabled(bool(names))
        recording = self.listen.recording
        self.record_button.setText("Stop recording" if recording else "Record a phrase")
        self.record_button.setEnabled(recording or bool(self.listen.midi_in))
        self.panic_button.setEnabled(bool(self.listen.midi_out or self.listen.midi_in))
        self.words.setText(self.listen.midi_message)
        self.words.setVisible(bool(self.listen.midi_message))

    @Slot()
    def _record(self) -> None:
        if self.listen.recording:
            self.listen.stop_recording()
        else:
            self.listen.record()
