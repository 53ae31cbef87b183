"""`KeyboardDesk`: MIDI ports, notes that a person plays, recording them, playing in turns."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from PySide6.QtCore import QObject, Signal, Slot
from typing_extensions import override

from seqstudio.audio.arrangement import Arrangement
from seqstudio.audio.jam import Jam
from seqstudio.audio.midi_out import MidiSender
from seqstudio.audio.midi_ports import MidiSystem, Ports
from seqstudio.audio.output import LIVE_LATENCY_S, RATE, NullOutput, open_output
from seqstudio.audio.phrases import Feel, Recorder
from seqstudio.core.errors import DeviceError
from seqstudio.studio.listen.desk import Opener, SoundDesk

#: Bars that can be recorded.
MOST_BARS = 256


class KeyboardDesk(SoundDesk):
    """A desk that notes are played at: by a MIDI keyboard, or by whoever calls `note_on`.

    Attributes:
        midi: The system of MIDI ports.
        ports: Names of the ports, empty before `look_for_ports` has found some.
        midi_message: What is wrong with MIDI and what to do, "" for nothing.
        jam: The conversation that goes on, None without one.

    Signals:
        ports_changed: Ports were found, opened, closed, or failed.
        phrase_recorded(object): `Score` that was recorded.
        phrase_heard(object): `Score`, the phrase that ended while playing in turns; give its
            answer to `answer_jam`.
        recording_changed(bool): A recording, count-in included, begins or ends.
    """

    ports_changed = Signal()
    phrase_recorded = Signal(object)
    phrase_heard = Signal(object)
    recording_changed = Signal(bool)

    def __init__(self, opener: Opener = open_output, parent: QObject | None = None) -> None:
        super().__init__(opener, parent)
        plain = opener is open_output
        self._live_opener = partial(open_output, RATE, LIVE_LATENCY_S) if plain else opener
        self.midi = MidiSystem()
        self.ports = Ports()
        self.midi_message = ""
        self.jam: Jam | None = None
        self._out = self._in = ""
        self._in_port: Any = None
        self._recorder: Recorder | None = None
        self._live = self._live_keys = False
        self._keys = threading.Lock()

    # Ports

    def look_for_ports(self) -> None:
        """Look for MIDI ports; `ports_changed` tells the end."""
        self.in_background(self.midi.ports, self._found_ports)

    def _found_ports(self, ports: Ports) -> None:
        self.ports, self.midi_message = ports, ports.message
        self.ports_changed.emit()

    def midi_ports(self) -> Ports:
        """Return the names of the ports that were found last."""
        return self.ports

    @property
    def midi_out(self) -> str:
        """Name of the port that notes are sent to, "" for none."""
        return self._out

    def set_midi_out(self, name: str) -> None:
        """Send every note, the clock and programs to a port as well; "" for none."""
        self._out = name
        self.sequencer.set_midi(None)
        if name:
            self._open(lambda: self.midi.open_output(name), self._took_out)
        self.ports_changed.emit()

    def _took_out(self, port: Any) -> None:
        self.midi_message = ""
        self.sequencer.set_midi(MidiSender(port))
        self.ports_changed.emit()

    @property
    def midi_in(self) -> str:
        """Name of the port that notes come from, "" for none."""
        return self._in

    def set_midi_in(self, name: str) -> None:
        """Play what comes from a port; "" for none. Sound comes sooner, and less safely."""
        self._in = name
        self._close_in()
        if name:
            self._open(lambda: self.midi.open_input(name, self._from_port), self._took_in)
        self._go_live()
        self.ports_changed.emit()

    def _took_in(self, port: Any) -> None:
        self.midi_message = ""
        self._in_port = port
        self.ports_changed.emit()

    def _open(self, work: Callable[[], Any], finish: Callable[[Any], None]) -> None:
        def attempt() -> Any:
            try:
                return work()
            except DeviceError as error:
                return error

        def found(port: Any) -> None:
            if isinstance(port, DeviceError):
                self._midi_failed(port)
            else:
                finish(port)

        self.in_background(attempt, found)

    def _midi_failed(self, error: DeviceError) -> None:
        self.midi_message = f"{error.what[:1].upper()}{error.what[1:]}: {error.hint or error.why}."
        self.ports_changed.emit()

    def panic(self) -> None:
        """Silence everything: all notes off on every channel, here and at the MIDI port."""
        self._play_when_ready = False
        self.sequencer.panic()
        self._told_playing()

    # Keys

    def _from_port(self, message: Any) -> None:
        """Take a message in the thread of the driver."""
        if message.type == "note_on" and message.velocity:
            self.note_on(message.note, message.velocity)
        elif message.type in {"note_on", "note_off"}:
            self.note_off(message.note)

    def note_on(self, pitch: int, velocity: int = 80) -> None:
        """Sound a key that goes down, and record it where that is wanted; from any thread."""
        self.sequencer.note_on(pitch, velocity, self.instrument)
        with self._keys:
            if self._recorder is not None:
                self._recorder.note_on(self.sequencer.position_beats, pitch, velocity)
            if self.jam is not None:
                self.jam.note_on(pitch, velocity)

    def note_off(self, pitch: int) -> None:
        """Take a key that goes up; from any thread."""
        self.sequencer.note_off(pitch)
        with self._keys:
            if self._recorder is not None:
                self._recorder.note_off(self.sequencer.position_beats, pitch)
            if self.jam is not None:
                self.jam.note_off(pitch)

    def set_live_keys(self, on: bool) -> None:
        """Be ready for keys of the computer that call `note_on`."""
        self._live_keys = on
        self._go_live()

    def _go_live(self) -> None:
        """Make sound as soon as possible while somebody plays, and as safely else."""
        live = bool(self._in) or self._live_keys or self.occupied
        if live == self._live:
            return
        self._live = live
        self._opened = True
        closing = self.sequencer.set_output(NullOutput(RATE))
        opener = self._live_opener if live else self.opener
        self.sequencer.set_live(live)

        def reopen() -> Any:
            closing.join(2.0)
            return opener()

        self.in_background(reopen, self._take_output)

    # Recording

    @property
    def feel(self) -> Feel:
        """Tempo and metre of what is played: those of the tune in view."""
        meter = self._score.meter if self._score is not None else None
        return Feel(self.tempo_bpm, meter or (4, 4))

    @property
    def recording(self) -> bool:
        """Whether a recording, count-in included, goes on."""
        return self._recorder is not None

    def record(self, *, count_in: bool = True, clicks: bool = True, strength: float = 1.0) -> None:
        """Record what is played from now on, until `stop_recording`.

        Args:
            count_in: Whether a bar is counted first.
            clicks: Whether the metronome clicks.
            strength: How far notes are drawn to sixteenths, 0 as played to 1 on them.
        """
        self.stop()
        plain = self.feel
        feel = Feel(plain.tempo_bpm, plain.meter, strength)
        bars = 1 if count_in else 0
        self.sequencer.loop = None
        self.sequencer.arrange(Arrangement(feel.clicks(MOST_BARS + bars), (), clicks))
        self._recorder = Recorder(feel, float(feel.bar_beats) * bars)
        self._go_live()
        self.sequencer.play()
        self.recording_changed.emit(True)
        self._told_playing()

    def stop_recording(self) -> None:
        """End the recording; `phrase_recorded` brings what was played, if anything was."""
        with self._keys:
            recorder, self._recorder = self._recorder, None
        if recorder is None:
            return
        phrase = recorder.score(self.sequencer.position_beats)
        self._back_to_the_tune()
        self.recording_changed.emit(False)
        if phrase.notes:
            self.phrase_recorded.emit(phrase)

    def _back_to_the_tune(self) -> None:
        super().stop()
        self._arrange()
        self._apply_loop()
        self._go_live()

    # In turns

    def begin_jam(self, *, clicks: bool = True, pause_bars: float = 1.0) -> None:
        """Play in turns with whoever answers `phrase_heard`; the tune in view rests."""
        self.stop()
        jam = Jam(self.sequencer, self.feel, self.instrument, clicks=clicks, pause_bars=pause_bars)
        with self._keys:
            self.jam = jam
        self._go_live()
        jam.begin()
        self._told_playing()

    def end_phrase(self) -> None:
        """Say that the phrase is over without waiting for its pause."""
        self._hear_phrase(now=True)

    def answer_jam(self, score: Any) -> None:
        """Play the answer to a phrase from the next bar line on."""
        with self._keys:
            if self.jam is not None:
                self.jam.answer(score)

    def end_jam(self) -> None:
        """Stop playing in turns; the tune in view is back."""
        with self._keys:
            jam, self.jam = self.jam, None
        if jam is not None:
            self._back_to_the_tune()

    def _hear_phrase(self, *, now: bool = False) -> None:
        with self._keys:
            phrase = self.jam.take_phrase(now=now) if self.jam is not None else None
        if phrase is not None:
            self.phrase_heard.emit(phrase)

    # The desk

    @property
    @override
    def occupied(self) -> bool:
        """Whether the clock is used for recording or playing in turns."""
        return self._recorder is not None or self.jam is not None

    @Slot()
    @override
    def stop(self) -> None:
        """Rest at the beginning; ends a recording and playing in turns."""
        self.stop_recording()
        self.end_jam()
        super().stop()

    @override
    def pause(self) -> None:
        """Rest where the playhead is; ends a recording and playing in turns."""
        if self.occupied:
            self.stop()
        else:
            super().pause()

    @override
    def _look_for_trouble(self) -> None:
        super()._look_for_trouble()
        self._hear_phrase()
        sender = self.sequencer.midi
        if sender is not None and sender.trouble is not None:
            self._midi_failed(sender.trouble)
            self.set_midi_out("")

    def _close_in(self) -> None:
        port, self._in_port = self._in_port, None
        if port is not None:
            self.in_background(port.close, lambda _done: None)

    @override
    def close(self) -> None:
        """Let go of the ports, too."""
        port, self._in_port = self._in_port, None
        if port is not None:
            port.close()
        super().close()
