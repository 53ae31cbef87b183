"""Whether what is heard, sent, saved and shown is the same, and ends: checks without a device."""

from __future__ import annotations

import io
import random
from dataclasses import replace
from fractions import Fraction
from typing import Any

import mido
import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from seqstudio.audio.midi_out import MidiSender
from seqstudio.audio.output import NullOutput
from seqstudio.audio.sequencer import Arrangement, Sequencer
from seqstudio.bench.scores import random_score, spoilt_tune
from seqstudio.music.midi import midi_bytes
from seqstudio.music.score import Score
from seqstudio.music.synth import Band, render

_RATE = 8000
_STEP = 4096
_MOST_TAIL_S = 15.0
_MOST_PIECE_S = 6.0


class OfflineOutput:
    """An output that takes sound as fast as it is made, and has heard it at once."""

    sounding = True

    def __init__(self, rate: int) -> None:
        self.volume = 1.0
        self.rate = rate
        self.written = 0
        self.room = 0
        self._rolls = False

    @property
    def heard(self) -> int:
        """All that was written."""
        return self.written

    def want(self, frames: int) -> None:
        """Ask for so many frames, if it plays."""
        self.room = frames if self._rolls else 0

    def write(self, block: NDArray[np.float32]) -> None:
        """Take frames."""
        self.skip(len(block))

    def skip(self, frames: int) -> None:
        """Take frames of silence."""
        self.written += frames
        self.room = max(0, self.room - frames)

    def start(self) -> None:
        """Play."""
        self._rolls = True

    def flush(self) -> None:
        """Rest."""
        self._rolls, self.room = False, 0

    def serve(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Rest."""
        self.flush()


class MemoryPort:
    """A MIDI port that keeps what it is sent."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.closed = False

    def send(self, message: Any) -> None:
        """Keep a message."""
        self.sent.append(message)

    def close(self) -> None:
        """Close."""
        self.closed = True


class _ByHand(Sequencer):
    """A sequencer that works when it is told to."""

    @override
    def _start_thread(self) -> None:
        pass


def held_notes(sent: list[Any]) -> int:
    """Return how many notes are on at the end of a stream of messages, or were released twice."""
    on: dict[tuple[int, int], int] = {}
    wrong = 0
    for message in sent:
        if message.type == "note_on":
            key = (message.channel, message.note)
            on[key] = on.get(key, 0) + 1
        elif message.type == "note_off":
            key = (message.channel, message.note)
            wrong += not on.get(key)
            on[key] = on.get(key, 0) - 1
    return wrong + sum(abs(count) for count in on.values())


def stuck_notes(pieces: int, seed: int = 0) -> tuple[int, int]:
    """Play pieces made by chance to their end, or stop somewhere.

    Returns:
        Notes that were left on at the port, or released without being on; and pieces after which
        the band still rang 15 s behind the end.
    """
    chance = random.Random(seed)
    stuck = ringing = 0
    for number in range(pieces):
        score = _beginning(spoilt_tune(chance) if number % 2 else random_score(chance, 12))
        stop_at = chance.random() if number % 3 == 2 else None
        held, rings = _played(score, stop_at)
        stuck, ringing = stuck + held, ringing + rings
    return stuck, ringing


def _beginning(score: Score) -> Score:
    """Return the notes of the first seconds: a thousand long pieces would take an hour."""
    notes = tuple(n for n in score.notes if score.seconds(n.end) < _MOST_PIECE_S)
    tempos = tuple(each for each in score.tempos if score.seconds(each[0]) < _MOST_PIECE_S)
    return replace(score, notes=notes, tempos=tempos, bar_starts=(), end_beats=Fraction(0))


def _played(score: Score, stop_at: float | None) -> tuple[int, bool]:
    output, port = OfflineOutput(_RATE), MemoryPort()
    band = Band(_RATE)
    sequencer = _ByHand(output, band)
    sequencer.set_midi(MidiSender(port))
    sequencer.arrange(Arrangement(score, metronome=True))
    sequencer.play()
    end = score.end_seconds
    until = end * stop_at if stop_at is not None else end + _MOST_TAIL_S
    while output.written < until * _RATE and sequencer.rolling:
        output.want(_STEP)
        sequencer.work()
    if stop_at is not None:
        sequencer.stop()
    rings = band.ringing or sequencer.rolling
    held = held_notes(port.sent)  # before it closes, which would release what is stuck
    sequencer.close()
    return held, rings


# Times


def disagreement_ms(scores: int, seed: int = 0) -> float:
    """Return the largest distance in ms between onsets as saved in MIDI, as shown and as heard."""
    chance = random.Random(seed)
    worst = 0.0
    for _ in range(scores):
        score = random_score(chance, 12)
        told = np.sort([score.seconds(note.start) for note in score.notes])
        worst = max(worst, float(np.abs(midi_onsets(score) - told).max()))
        worst = max(worst, shown_error_s(score), heard_error_s(score, chance))
    return 1000 * worst


def midi_onsets(score: Score) -> NDArray[np.float64]:
    """Return the onsets in seconds, rising, that another reader finds in the MIDI file."""
    file = mido.MidiFile(file=io.BytesIO(midi_bytes(score)))
    now, onsets = 0.0, []
    for message in file:
        now += message.time
        if message.type == "note_on" and message.velocity:
            onsets.append(now)
    return np.array(onsets)


def shown_error_s(score: Score) -> float:
    """Return how far the playhead is from the notes when they are heard."""
    now = [0.0]
    sequencer = _ByHand(NullOutput(44_100, lambda: now[0]), Band(44_100))
    sequencer.arrange(Arrangement(score))
    sequencer.play()
    worst = 0.0
    for note in score.notes:
        now[0] = score.seconds(note.start)
        shown = score.seconds(sequencer.position_beats)
        worst = max(worst, abs(shown - now[0]))
    return worst


def heard_error_s(score: Score, chance: random.Random) -> float:
    """Return how far a note in the WAV is from its time: where it first makes a difference."""
    rate = _RATE
    place = chance.randrange(len(score.notes))
    note = score.notes[place]
    near = [
        each
        for each in (*score.notes[:place], *score.notes[place + 1 :])
        if abs(score.seconds(each.start) - score.seconds(note.start)) < 2.0
    ][:6]
    soft = [replace(each, velocity=20) for each in near]
    loud = replace(note, velocity=60)
    whole = render(replace(score, notes=(*soft, loud), end_beats=score.end_beats), "organ", rate)
    without = render(replace(score, notes=tuple(soft), end_beats=score.end_beats), "organ", rate)
    differs = np.abs(whole - without).max(axis=1) > 0
    return abs(int(np.argmax(differs)) / rate - score.seconds(note.start))
