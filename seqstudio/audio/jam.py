"""Playing in turns: a phrase of somebody, an answer of the model, both on one running clock.

The clock is an arrangement without end in sight whose notes are the answers; a metronome clicks
it. Nothing here knows where answers come from: a phrase is handed over, its answer comes back
with `answer` and is played from the next bar line on.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from seqstudio.audio.arrangement import Arrangement, Part
from seqstudio.audio.phrases import Feel, Recorder, shifted

if TYPE_CHECKING:
    from seqstudio.audio.sequencer import Sequencer
    from seqstudio.music.score import Score

#: Bars of the clock; at 120 a minute more than an hour.
BARS = 2_000
#: An answer begins no sooner than this: what has been made ahead cannot be changed.
_AHEAD_S = 0.35


class Jam:
    """A conversation on the clock of a sequencer.

    Args:
        sequencer: It plays the clock and the answers; nobody else arranges meanwhile.
        feel: Tempo and metre.
        instrument: Who plays the answers.
        clicks: Whether the clock is heard.
        pause_bars: A phrase is over when nothing has been played for so many bars.

    Attributes:
        recorder: The phrase that is being played.
        answering: Whether a phrase has been handed over and its answer has not come.
    """

    def __init__(
        self,
        sequencer: Sequencer,
        feel: Feel,
        instrument: str = "piano",
        *,
        clicks: bool = True,
        pause_bars: float = 1.0,
    ) -> None:
        self.feel = feel
        self.answering = False
        self._sequencer = sequencer
        self._instrument = instrument
        self._clicks = clicks
        self._pause_beats = pause_bars * float(feel.bar_beats)
        self._clock = feel.clicks(BARS)
        self._answered: Score = self._clock
        self.recorder = Recorder(feel)

    def begin(self) -> None:
        """Start the clock at bar 1."""
        self._arrange(self._clock)
        self._sequencer.loop = None
        self._sequencer.stop()
        self._sequencer.play()

    def end(self) -> None:
        """Stop the clock; every note is released."""
        self._sequencer.stop()

    @property
    def beats(self) -> float:
        """Place of the clock that is heard now."""
        return self._sequencer.position_beats

    def note_on(self, pitch: int, velocity: int) -> None:
        """Take a key going down; the first one of a phrase fixes the bar that it begins in."""
        beats = self.beats
        if self.recorder.empty:
            self.recorder.begins = float(self._bar_at(beats + float(self.feel.grid) / 2))
        self.recorder.note_on(beats, pitch, velocity)

    def note_off(self, pitch: int) -> None:
        """Take a key going up."""
        self.recorder.note_off(self.beats, pitch)

    def take_phrase(self, *, now: bool = False) -> Score | None:
        """Return the phrase if it is over, None if not; call it again and again.

        Args:
            now: The person says that it is over.
        """
        beats = self.beats
        waited = self.recorder.pause_beats(beats) >= self._pause_beats
        if self.recorder.empty or not (now or waited):
            return None
        phrase = self.recorder.score(beats)
        self.recorder = Recorder(self.feel)
        self.answering = True
        return phrase

    def answer(self, score: Score) -> Fraction:
        """Play an answer from the next bar line on that can still be reached.

        Args:
            score: Its notes, in beats; its own tempo is not followed.

        Returns:
            The beat of the clock at which it begins.
        """
        self.answering = False
        ahead = _AHEAD_S * self.feel.tempo_bpm / 60
        bar = self.feel.bar_beats
        begins = self._bar_at(self.beats + ahead) + bar
        kept = tuple(note for note in self._answered.notes if note.end > self.beats - float(bar))
        notes = (*kept, *shifted(score.notes, begins))
        self._answered = replace(self._clock, notes=notes)
        self._arrange(self._answered)
        return begins

    def _bar_at(self, beats: float) -> Fraction:
        bar = self.feel.bar_beats
        return bar * int(max(0.0, beats) // float(bar))

    def _arrange(self, score: Score) -> None:
        parts = tuple(Part(voice, self._instrument) for voice in score.voices or (0,))
        self._sequencer.arrange(Arrangement(score, parts, self._clicks))
