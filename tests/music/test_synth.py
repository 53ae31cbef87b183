"""The synthesiser: length, level, tuning, smoothness; the room and the limiter; WAV."""

from __future__ import annotations

import io
import wave
from fractions import Fraction

import numpy as np
import pytest

from seqstudio.core.errors import MusicError
from seqstudio.music.plucked import plucked_string
from seqstudio.music.room import limited, reverberated
from seqstudio.music.score import Note, Score
from seqstudio.music.synth import INSTRUMENTS, RATE, render
from seqstudio.music.wav import wav_bytes


def score(*pitches, length=1, tempo=120.0, velocity=80):
    notes = tuple(
        Note(pitch, Fraction(i * length), Fraction(length), velocity)
        for i, pitch in enumerate(pitches)
    )
    return Score(notes, tempo)


def frequency(sound, rate=RATE):
    """Fundamental in Hz: the spectral peak near the expected one, by parabola on dB."""
    window = np.hanning(len(sound))
    spectrum = np.abs(np.fft.rfft(sound * window, 8 * len(sound)))
    peak = int(np.argmax(spectrum))
    a, b, c = np.log(spectrum[peak - 1 : peak + 2] + 1e-12)
    return (peak + 0.5 * (a - c) / (a - 2 * b + c)) * rate / (8 * len(sound))


def cents(hz, wanted):
    return 1200 * np.log2(hz / wanted)


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


@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_notes_are_in_tune(instrument):
    for pitch in (57, 69, 81):
        wanted = 440.0 * 2 ** ((pitch - 69) / 12)
        sound = render(score(pitch, length=2), instrument)[RATE // 10 :].mean(axis=1)
        low, high = 0.9 * wanted, 1.1 * wanted
        spectrum = np.fft.rfft(sound)
        hz = np.fft.rfftfreq(len(sound), 1 / RATE)
        spectrum[(hz < low) | (hz > high)] = 0
        assert abs(cents(frequency(np.fft.irfft(spectrum)), wanted)) < 4


@pytest.mark.parametrize("pitch", [40, 52, 64, 71, 76, 83, 88, 96])
def test_the_plucked_string_is_in_tune_over_its_range(pitch):
    """A loop of a whole number of frames would be 30 cents off at the top of this range."""
    wanted = 440.0 * 2 ** ((pitch - 69) / 12)
    sound = plucked_string(wanted, RATE, RATE)[2000:].astype(np.float64)
    spectrum = np.fft.rfft(sound)
    hz = np.fft.rfftfreq(len(sound), 1 / RATE)
    spectrum[(hz < 0.9 * wanted) | (hz > 1.1 * wanted)] = 0
    assert abs(cents(frequency(np.fft.irfft(spectrum)), wanted)) < 1


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
    soft, loud = (np.abs(render(score(60, velocity=v), "organ")).max() for v in (40, 80))
    assert loud / soft == pytest.approx(2**1.5, rel=0.01)


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
    quiet = np.full((1000, 2), 0.5, np.float32)
    np.testing.assert_array_equal(limited(quiet, RATE), quiet)
    loud = quiet.copy()
    loud = np.repeat(loud, 40, axis=0)
    loud[20_000] = 3.0
    held = limited(loud, RATE)
    assert np.abs(held).max() <= 0.98
    assert held[20_000, 0] == pytest.approx(0.98, abs=0.02)
    np.testing.assert_array_equal(held[:15_000], loud[:15_000])
    gain = held[:, 0] / loud[:, 0]
    assert np.abs(np.diff(gain)).max() < 0.01


def test_the_room_is_a_decaying_answer_on_both_sides():
    click = np.zeros((RATE, 2), np.float32)
    click[0] = 1.0
    answer = reverberated(click, RATE) - click
    early, late = (np.square(answer[a:b]).sum(axis=0) for a, b in ((0, 8820), (22050, 30870)))
    assert np.all(late < 0.05 * early)
    assert np.all(late > 0)
    assert abs(np.corrcoef(answer[:20_000].T)[0, 1]) < 0.2


def test_the_room_of_a_long_sound_is_that_of_its_parts():
    """Folding in blocks equals folding at once: a shift of the sound shifts the answer."""
    sound = np.random.default_rng(1).standard_normal((150_000, 2)).astype(np.float32)
    shifted = np.concatenate([np.zeros((12_345, 2), np.float32), sound])
    np.testing.assert_allclose(
        reverberated(shifted, RATE)[12_345:], reverberated(sound, RATE), atol=1e-4
    )


def test_wav_samples_are_rounded_and_clipped():
    samples = np.array([[0.0, 1.0], [-1.0, 2.0], [0.5, np.nan]], np.float32)
    with wave.open(io.BytesIO(wav_bytes(samples, 8000))) as file:
        values = np.frombuffer(file.readframes(3), "<i2").tolist()
    assert values == [0, 32767, -32767, 32767, 16384, 0]
    mono = wav_bytes(np.array([0.25], np.float32), 8000)
    assert mono[-4:] == wav_bytes(np.array([[0.25, 0.25]], np.float32), 8000)[-4:]
    with pytest.raises(ValueError, match="samples"):
        wav_bytes(np.zeros((3, 3), np.float32), 8000)
