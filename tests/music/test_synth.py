"""The synthesiser: length, level, tuning, smoothness; the room and the limiter; WAV."""

from __future__ import annotations

import io
import wave
from fractions import Fraction

import numpy as np
import pytest

from seqstudio.core.errors import MusicError
from seqstudio.music.score import Note, Score
from seqstudio.music.synth import INSTRUMENTS, RATE, render
from seqstudio.music.synth.instruments import tone_of
from seqstudio.music.synth.room import Limiter, Room
from seqstudio.music.wav import wav_bytes

PITCHED = tuple(name for name in INSTRUMENTS if name != "drums")


def score(*pitches, length=1, tempo=120.0, velocity=80):
    notes = tuple(
        Note(pitch, Fraction(i * length), Fraction(length), velocity)
        for i, pitch in enumerate(pitches)
    )
    return Score(notes, tempo)


def cents_off(sound, wanted, rate=RATE):
    """How far a tone is from a frequency: the centre of its power within 60 cents of it."""
    power = np.abs(np.fft.rfft(sound * np.hanning(len(sound)))) ** 2
    off = 1200 * np.log2(np.maximum(np.fft.rfftfreq(len(sound), 1 / rate), 1e-3) / wanted)
    near = np.abs(off) < 60
    return float((power[near] * off[near]).sum() / power[near].sum())


@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_the_wav_lasts_as_long_as_the_score_to_a_sample(instrument):
    third = Score((Note(60, Fraction(0), Fraction(7, 3)),), 97.0, end_beats=Fraction(10, 3))
    sound = render(third, instrument)
    expected = round(float(Fraction(10, 3)) * 60 / 97 * RATE)
    assert sound.shape == (expected, 2)
    assert sound.dtype == np.float32
    with wave.open(io.BytesIO(wav_bytes(sound, RATE))) as file:
        assert file.getnframes() == expected
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, RATE)


def test_a_tail_adds_its_seconds_and_another_tempo_changes_the_length():
    tune = score(60, 62, tempo=120.0)
    assert len(render(tune, tail_s=0.5)) == RATE + RATE // 2
    assert len(render(tune, tempo_bpm=240.0)) == RATE // 2
    assert len(render(tune, rate=8000)) == 8000


@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_loud_chords_stay_below_the_peak_and_are_not_clipped_flat(instrument):
    notes = tuple(Note(pitch, Fraction(0), Fraction(2), 127) for pitch in range(40, 90, 2))
    sound = render(Score(notes), instrument)
    peak = np.abs(sound).max()
    assert 0.5 < peak <= 0.98
    assert np.mean(np.abs(sound) > 0.9799) < 0.001


@pytest.mark.parametrize("pitch", [33, 45, 57, 69, 81, 88, 96])
@pytest.mark.parametrize("instrument", PITCHED)
def test_notes_are_in_tune_to_two_cents(instrument, pitch):
    """Measured behind the attack, where the vibrato swings to both sides of the pitch alike."""
    wanted = 440.0 * 2 ** ((pitch - 69) / 12)
    sound = tone_of(instrument, pitch, RATE).span(RATE // 2, 3 * RATE)[0]
    assert abs(cents_off(sound.astype(np.float64), wanted)) < 2


@pytest.mark.parametrize("instrument", ["plucked string", "piano"])
def test_struck_and_plucked_notes_die_away(instrument):
    sound = render(score(60, length=8), instrument)
    early = np.sqrt(np.mean(sound[RATE // 5 : RATE // 2] ** 2))
    late = np.sqrt(np.mean(sound[3 * RATE : 4 * RATE - RATE // 20] ** 2))
    assert 0 < late < 0.35 * early


@pytest.mark.parametrize("instrument", ["flute", "organ"])
def test_blown_notes_hold(instrument):
    sound = render(score(60, length=8), instrument)
    early = np.sqrt(np.mean(sound[RATE // 2 : RATE // 2 + RATE] ** 2))
    late = np.sqrt(np.mean(sound[RATE // 2 + 2 * RATE : RATE // 2 + 3 * RATE] ** 2))
    assert late == pytest.approx(early, rel=0.1)


@pytest.mark.parametrize("instrument", ["flute", "organ", "piano"])
def test_beginnings_and_ends_make_no_click(instrument):
    """Nowhere does the sound jump more than the steepest tone does in itself."""
    rest = Score((Note(69, Fraction(1), Fraction(1)),), end_beats=Fraction(3))
    sound = render(rest, instrument)[:, 0].astype(np.float64)
    inside = np.abs(np.diff(sound[round(0.51 * RATE) : round(0.99 * RATE)])).max()
    assert np.abs(np.diff(sound)).max() < 1.6 * inside
    assert np.abs(sound[: RATE // 2]).max() < 1e-6
    assert abs(sound[-1]) < 1e-6


@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_a_note_cut_by_the_end_fades_out(instrument):
    sound = render(score(60), instrument)
    assert np.abs(sound[-1]).max() == 0.0
    assert np.abs(np.diff(sound[-900:, 0])).max() < 0.1


def test_velocity_is_loudness():
    soft, loud = (np.std(render(score(60, velocity=v), "organ")) for v in (40, 80))
    assert 2**1.5 < loud / soft < 2**1.7


def test_low_notes_stand_left_and_high_ones_right():
    low, high = (render(score(pitch), "organ") for pitch in (40, 90))
    assert np.square(low[:, 0]).sum() > 1.2 * np.square(low[:, 1]).sum()
    assert np.square(high[:, 1]).sum() > 1.2 * np.square(high[:, 0]).sum()


def test_the_same_score_sounds_the_same():
    tune = score(60, 64, 67)
    np.testing.assert_array_equal(render(tune, "plucked string"), render(tune, "plucked string"))


def test_an_empty_score_is_silence():
    assert render(Score()).shape == (0, 2)
    np.testing.assert_array_equal(render(Score(end_beats=Fraction(1))), 0)


@pytest.mark.parametrize("pitch", [0, 127])
@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_the_outermost_pitches_sound(instrument, pitch):
    sound = render(score(pitch), instrument)
    assert np.isfinite(sound).all()
    assert np.abs(sound).max() > 0.001


def test_an_unknown_instrument_and_an_endless_score_are_refused():
    with pytest.raises(MusicError, match="flute"):
        render(Score(), "kazoo")
    with pytest.raises(MusicError, match="too long"):
        render(Score(end_beats=Fraction(100_000)))


def test_the_limiter_leaves_quiet_sound_alone_and_holds_loud_sound():
    quiet = np.full((2, 40_000), 0.5, np.float32)
    np.testing.assert_array_equal(Limiter(RATE).limit(quiet), quiet)
    loud = quiet.copy()
    loud[:, 20_000] = 3.0
    held = Limiter(RATE).limit(loud)
    assert 0.9 < held[0, 20_000] < 0.98
    np.testing.assert_array_equal(held[:, :20_000], loud[:, :20_000])
    gain = held[0] / loud[0]
    assert np.abs(np.diff(gain[20_000:])).max() < 0.001
    assert gain[-1] > gain[20_001]


def test_the_room_dies_away_and_answers_differently_on_both_sides():
    room = Room(RATE)
    click = np.zeros(2 * RATE, np.float32)
    click[0] = 1.0
    answer = room.wet(click)
    assert np.abs(answer[:, : room.short]).max() == 0.0
    energy = np.cumsum(np.square(answer[:, ::-1]), axis=1)[:, ::-1]
    level = 10 * np.log10(energy / energy[:, :1] + 1e-12)
    # From -5 to -25 dB on the curve of Schroeder, three times for 60 dB.
    for side in (0, 1):
        first, last = (np.argmax(level[side] < floor) / RATE for floor in (-5, -25))
        assert 0.7 < 3 * (last - first) < 1.6
    assert abs(np.corrcoef(answer)[0, 1]) < 0.2
    assert room.length < 2 * RATE
    assert np.abs(answer[:, room.length :]).max() < 1e-6


def test_wav_samples_are_rounded_and_clipped():
    samples = np.array([[0.0, 1.0], [-1.0, 2.0], [0.5, np.nan]], np.float32)
    with wave.open(io.BytesIO(wav_bytes(samples, 8000))) as file:
        values = np.frombuffer(file.readframes(3), "<i2").tolist()
    assert values == [0, 32767, -32767, 32767, 16384, 0]
    mono = wav_bytes(np.array([0.25], np.float32), 8000)
    assert mono[-4:] == wav_bytes(np.array([[0.25, 0.25]], np.float32), 8000)[-4:]
    with pytest.raises(ValueError, match="samples"):
        wav_bytes(np.zeros((3, 3), np.float32), 8000)
