"""What playing must keep to, in short: the measured settings run with `seqstudio bench sound`."""

from __future__ import annotations

import math
import random
import time

import mido
import numpy as np
import pytest

from seqstudio.audio.arrangement import Arrangement, Part
from seqstudio.audio.output import RATE, SoundOutput
from seqstudio.audio.sequencer import Sequencer
from seqstudio.audio.tuning import Tuning
from seqstudio.bench.paced import PacedSounddevice, PacedStream
from seqstudio.bench.scores import random_score
from seqstudio.bench.soundness import (
    disagreement_ms,
    held_notes,
    midi_onsets,
    stuck_notes,
)
from seqstudio.music.synth import Band
from tests.audio.sound_doubles import tune

PIECES = 14
SCORES = 5


def test_no_note_sticks_and_every_piece_dies_away():
    assert stuck_notes(PIECES) == (0, 0)


@pytest.mark.long
def test_no_note_sticks_in_a_thousand_pieces():
    assert stuck_notes(1000, seed=1) == (0, 0)


def test_wav_midi_and_playhead_agree_to_a_millisecond():
    assert disagreement_ms(SCORES) < 1.0


@pytest.mark.long
def test_wav_midi_and_playhead_agree_in_a_hundred_scores():
    assert disagreement_ms(100, seed=1) < 1.0


def test_the_checks_find_what_they_look_for():
    on, off = (mido.Message(kind, note=60) for kind in ("note_on", "note_off"))
    assert held_notes([on]) == 1
    assert held_notes([on, off]) == 0
    assert held_notes([on, on, off]) == 1
    assert held_notes([off]) == 2
    score = random_score(random.Random(3))
    late = midi_onsets(score.at_tempo(score.tempo_bpm * 1.01))
    told = np.sort([score.seconds(note.start) for note in score.notes])
    assert np.abs(late - told).max() > 0.001


def test_a_paced_device_notices_when_it_runs_dry():
    late = [0.0, 0.3]

    def callback(out, *_):
        time.sleep(late.pop() if late else 0)
        out[:] = 0.5

    stream = PacedStream(RATE, 0.05, callback)
    stream.start()
    while late or stream.underflows == 0:
        time.sleep(0.01)
    stream.abort()
    assert stream.underflows >= 1
    assert not math.isnan(stream.first_s)


def test_a_real_thread_feeds_a_paced_device_and_stops():
    device = PacedSounddevice()
    output = SoundOutput(device, RATE)
    sequencer = Sequencer(output, Band(RATE), Tuning(RATE))
    score = tune([60, 64, 67, 72])
    sequencer.arrange(Arrangement(score, (Part(0, "organ"),)))
    sequencer.play()
    while math.isnan(device.stream.first_s) or sequencer.position_beats < 0.2:
        time.sleep(0.01)
    sequencer.stop()
    while device.stream.active:
        time.sleep(0.005)
    assert device.stream.played_s > 0
    assert sequencer.position_beats == 0.0
    sequencer.close()
