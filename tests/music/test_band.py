"""The band: the same frames whatever the blocks, exact onsets, no clicks, levels, colours."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from seqstudio.core.errors import MusicError
from seqstudio.music.score import Note, Score, Track
from seqstudio.music.synth import (
    INSTRUMENTS,
    MOST_VOICES,
    RATE,
    Band,
    Sound,
    instrument_of,
    render,
)
from seqstudio.music.synth.drums import DRUMS, drum_frames
from seqstudio.music.synth.instruments import tone_of
from seqstudio.music.synth.rendering import timed_sounds
from seqstudio.music.synth.tones import CHUNK

PITCHED = tuple(name for name in INSTRUMENTS if name != "drums")


def played(sounds, frames, sizes):
    """What a band plays of (frame, sound) in blocks of these lengths, in turn."""
    band, out, at, number = Band(), [], 0, 0
    waiting = sorted(sounds, key=lambda each: each[0])
    while at < frames:
        size = min(sizes[number % len(sizes)], frames - at)
        number += 1
        while waiting and waiting[0][0] < at + size:
            frame, sound = waiting.pop(0)
            band.start(sound.after(frame - at))
        out.append(band.block(size))
        at += size
    return np.concatenate(out)


def busy(count=45, seed=3):
    """Notes of every instrument, more at once than voices, and loud enough for the limiter."""
    draw = np.random.default_rng(seed)
    made = []
    for number in range(count):
        name = INSTRUMENTS[number % len(INSTRUMENTS)]
        pitch = (
            int(draw.choice([36, 38, 42, 46])) if name == "drums" else int(draw.choice([52, 60]))
        )
        sound = Sound(pitch, int(draw.integers(30, 127)), int(draw.integers(50, 9000)), name)
        made.append((int(draw.integers(0, 3000)), sound))
    return made


def test_the_sound_is_the_same_to_the_bit_whatever_the_length_of_the_blocks():
    sounds = busy()
    whole = played(sounds, 9_000, [9_000])
    assert np.abs(whole).max() > 0.7
    for sizes in ([512], [1, 300, 4097, 63], [2048]):
        np.testing.assert_array_equal(played(sounds, 9_000, sizes), whole)


def test_a_wav_is_what_the_band_plays():
    notes = [Note(60 + i % 5, Fraction(i, 4), Fraction(1, 2), 90, i % 2) for i in range(12)]
    tune = Score(tuple(notes), 97.0, tempos=((Fraction(2), 60.0),))
    parts = {0: "organ", 1: "bass"}
    wav = render(tune, parts)
    band = played(timed_sounds(tune, parts, RATE), len(wav), [777])
    fade = round(0.02 * RATE)
    np.testing.assert_array_equal(band[:-fade], wav[:-fade])
    assert len(wav) == round(tune.end_seconds * RATE)


@pytest.mark.parametrize("onset", [0, 1, 511, 12_345])
@pytest.mark.parametrize("name", INSTRUMENTS)
def test_a_note_begins_at_its_frame(name, onset):
    sound = played([(onset, Sound(60, 100, 100, name))], onset + 60, [256])
    assert np.abs(sound[:onset]).max(initial=0.0) == 0.0
    assert np.abs(sound[onset : onset + 2]).max() > 0


def test_changes_of_the_tempo_are_heard_where_they_are():
    notes = (Note(60, Fraction(0), Fraction(1)), Note(72, Fraction(3), Fraction(1)))
    tune = Score(notes, 120.0, tempos=((Fraction(2), 30.0),))
    assert [frame for frame, _sound in timed_sounds(tune, None, RATE)] == [0, 3 * RATE]
    faster = timed_sounds(tune.at_tempo(240.0), None, RATE)
    assert [frame for frame, _sound in faster] == [0, 3 * RATE // 2]


@pytest.mark.parametrize("name", PITCHED)
def test_a_note_that_ends_or_gives_way_leaves_no_edge(name):
    """The bend of the wave, which a click raises far above that of the tone, hardly grows."""
    pitch = 40 if name == "bass" else 60
    steady = played([(0, Sound(pitch, 90, 4 * RATE, name))], RATE, [RATE])[:, 0]
    let_go = played([(0, Sound(pitch, 90, RATE // 2 + 77, name))], RATE, [RATE])[:, 0]
    usual = np.abs(np.diff(steady[RATE // 4 :].astype(np.float64), 3)).max()
    ended = np.abs(np.diff(let_go[RATE // 4 :].astype(np.float64), 3)).max()
    assert ended < 1.3 * usual + 1e-6


def test_the_thirty_third_note_takes_the_place_of_the_oldest_without_a_click():
    band = Band()
    for number in range(MOST_VOICES):
        band.start(Sound(40 + number, 60, 10 * RATE, "organ", gain=0.1, delay=number))
    before = band.block(RATE // 2)[:, 0].astype(np.float64)
    band.start(Sound(39, 60, 10 * RATE, "organ", gain=0.1, delay=100))
    after = band.block(RATE // 2)[:, 0].astype(np.float64)
    assert len(band._voices) == MOST_VOICES
    assert {voice.sound.pitch for voice in band._voices} == {39, *range(41, 72)}
    usual, stealing = (np.abs(np.diff(each, 3)).max() for each in (before[5000:], after))
    assert stealing < 1.3 * usual


def test_notes_let_go_die_away_and_clear_is_silence_at_once():
    band = Band()
    band.start(Sound(60, 90, 100 * RATE, "organ"))
    band.start(Sound(64, 90, 100 * RATE, "strings", delay=RATE))
    loud = np.std(band.block(RATE // 2))
    band.release()
    band.block(RATE // 2)
    assert np.std(band.block(RATE // 2)) < 0.05 * loud
    assert band.ringing
    band.block(2 * RATE)
    assert not band.ringing
    band.start(Sound(60, 90, 100 * RATE, "organ"))
    band.block(RATE // 2)
    band.clear()
    assert not band.ringing
    assert np.abs(band.block(RATE)).max() == 0.0


@pytest.mark.parametrize("name", PITCHED)
def test_louder_notes_are_brighter(name):
    pitch = 36 if name == "bass" else 60
    soft, loud = (centroid(played([(0, Sound(pitch, v, RATE, name))], RATE // 2, [4096]))
                  for v in (30, 115))  # fmt: skip
    assert loud > 1.15 * soft


def centroid(sound):
    """Centre of the power spectrum in Hz."""
    power = np.abs(np.fft.rfft(sound.mean(axis=1) * np.hanning(len(sound)))) ** 2
    return float((power * np.fft.rfftfreq(len(sound), 1 / RATE)).sum() / power.sum())


def phrase(name):
    if name == "drums":
        beat = [(36, 0), (42, 0), (42, 1), (38, 2), (42, 2), (42, 3)]
        notes = [
            Note(p, Fraction(at, 2) + 2 * bar, Fraction(1, 2)) for p, at in beat for bar in (0, 1)
        ]
    else:
        low = 36 if name == "bass" else 60
        notes = [Note(low + p, Fraction(i), Fraction(1)) for i, p in enumerate((0, 7, 12))]
    return render(Score(tuple(notes)), name).astype(np.float64)


def test_instruments_are_equally_loud_and_have_no_offset():
    levels = {}
    for name in INSTRUMENTS:
        sound = phrase(name)
        levels[name] = 20 * np.log10(np.sqrt(np.mean(sound**2)))
        assert abs(sound.mean()) < 2e-4
        assert np.abs(sound).max() < 0.9
        assert 7 < 20 * np.log10(np.abs(sound).max()) - levels[name] < 23
    assert max(levels.values()) - min(levels.values()) < 3
    assert -26 < np.mean(list(levels.values())) < -20


@pytest.mark.parametrize("name", PITCHED)
def test_nothing_folds_back_at_the_top_of_the_range(name):
    """Between the harmonics of the highest C, below the first, lies nothing that folded."""
    pitch = 72 if name == "bass" else 108
    hz = 440.0 * 2 ** ((pitch - 69) / 12)
    sound = tone_of(name, pitch, RATE).span(CHUNK, 2 * CHUNK)[:2].sum(axis=0)
    power = np.abs(np.fft.rfft(sound * np.blackman(len(sound)))) ** 2
    at = np.fft.rfftfreq(len(sound), 1 / RATE) / hz
    noise = {"flute": -38, "strings": -45}.get(name, -70)  # their breath, which is meant
    between = (np.abs(at - np.rint(at)) > 0.2) & (at > 0.5)
    assert 10 * np.log10(power[between].max() / power.max()) < noise


def test_every_drum_of_the_map_sounds_and_dies_away():
    assert set(DRUMS) >= set(range(35, 82))
    for pitch in (*DRUMS, 20, 100):
        frames = drum_frames(pitch, 32_000)
        assert 0.05 < np.abs(frames[0]).max() < 3
        assert np.abs(frames[:, -1]).max() < 1e-3
        assert abs(frames[0].mean()) < 2e-3


def test_a_closed_hi_hat_damps_the_open_one():
    def tail(*more):
        sound = played([(0, Sound(46, 100, 10, "drums")), *more], RATE // 2, [512])
        return np.abs(sound[15_000:17_000]).max()

    assert tail((8000, Sound(42, 1, 10, "drums"))) < 0.3 * tail()
    assert tail((8000, Sound(38, 1, 10, "drums"))) > 0.9 * tail()


def test_gain_and_place_are_those_of_the_sound():
    plain, half = (
        played([(0, Sound(60, 80, RATE, "organ", gain=gain))], 8000, [8000]) for gain in (1, 0.5)
    )
    np.testing.assert_allclose(half, plain / 2, atol=1e-6)
    left = played([(0, Sound(60, 80, RATE, "bass", pan=-1.0))], 8000, [8000])
    assert np.std(left[:500, 0]) > 5 * np.std(left[:500, 1])


def test_an_unknown_instrument_is_refused():
    with pytest.raises(MusicError, match="kazoo"):
        Band().start(Sound(60, 80, 100, "kazoo"))
    with pytest.raises(MusicError, match="kazoo"):
        render(Score(), {0: "kazoo"})


def test_a_track_is_played_by_the_instrument_of_its_program():
    programs = {
        0: "piano",
        19: "organ",
        24: "plucked string",
        33: "bass",
        48: "strings",
        73: "flute",
    }
    for program, name in programs.items():
        assert instrument_of(Track(0, program=program)) == name
    assert instrument_of(Track(0, program=0, drums=True)) == "drums"
    assert {instrument_of(Track(0, program=program)) for program in range(128)} <= set(INSTRUMENTS)


def test_a_note_of_half_an_hour_takes_no_more_memory_than_one_of_ten_seconds():
    tone = tone_of("organ", 50, RATE)
    first = tone.span(10 * RATE, 1000)
    size = tone.bytes
    period = tone._loop[1] - tone._loop[0]
    again = tone.span(10 * RATE + 500 * period, 1000)
    np.testing.assert_array_equal(first, again)
    assert tone.bytes == size
