"""SoundFonts: what is read is what was written, damaged files are refused, pitch and envelope."""

from __future__ import annotations

import random
import struct
from fractions import Fraction

import numpy as np
import pytest

from seqstudio.core.errors import MusicError
from seqstudio.music.score import Note, Score, Track
from seqstudio.music.soundfont import Preset, SoundFont
from seqstudio.music.soundfont.trial import first_reading
from seqstudio.music.synth import RATE, Band, Sound, render
from seqstudio.music.synth.tones import CHUNK
from tests.music.fonts import FontMaker, sine, small_font


@pytest.fixture
def opened(tmp_path):
    def make(maker):
        path = tmp_path / "font.sf2"
        path.write_bytes(maker.bytes())
        return SoundFont(path)

    return make


def one_sample(*settings, frames=None, loop=None, **about):
    maker = FontMaker()
    tone = maker.sample(sine() if frames is None else frames, loop=loop, **about)
    maker.preset(0, [(41, maker.instrument([*settings, (53, tone)]))])
    return maker


def only_tone(font, key=69, velocity=100):
    (made,) = font.tones((0, 0), key, velocity, RATE)
    return made


def hertz(sound):
    """Frequency of the strongest partial, by a parabola through the peak in decibels."""
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), 4 * len(sound)))
    peak = int(np.argmax(spectrum))
    low, mid, high = np.log(spectrum[peak - 1 : peak + 2] + 1e-12)
    return (peak + 0.5 * (low - high) / (low - 2 * mid + high)) * RATE / (4 * len(sound))


def cents(hz, wanted):
    return 1200 * np.log2(hz / wanted)


def test_presets_are_named_by_bank_and_program(opened):
    font = opened(small_font())
    assert font.presets == (Preset(0, 0, "Sine"), Preset(128, 0, "Drum"))
    assert font.has(128, 0)
    assert not font.has(0, 1)
    assert font.name == "font"


def test_opening_tries_the_file_in_a_process_of_its_own(tmp_path):
    path = tmp_path / "small.sf2"
    path.write_bytes(small_font().bytes())
    assert len(SoundFont.open(path).presets) == 2
    path.write_bytes(small_font().bytes()[:-40])
    with pytest.raises(MusicError, match="ends after"):
        SoundFont.open(path)


def test_a_reading_without_end_is_given_up(tmp_path, monkeypatch):
    """A child that hangs: stood in for by one that sleeps instead of reading."""
    (tmp_path / "sitecustomize.py").write_text("import time; time.sleep(60)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(MusicError, match=r"more than 0\.5 seconds"):
        first_reading(tmp_path / "font.sf2", limit_s=0.5)


def test_a_reading_that_dies_is_a_refusal(tmp_path, monkeypatch):
    (tmp_path / "sitecustomize.py").write_text("import os; os.abort()")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(MusicError, match="ended early"):
        first_reading(tmp_path / "font.sf2")


@pytest.mark.parametrize("key", [40, 57, 69, 70, 81, 93])
def test_keys_sound_at_their_pitch_to_two_cents_for_as_long_as_they_are_held(opened, key):
    tone = only_tone(opened(small_font()), key).tone
    wanted = 441.0 * 2 ** ((key - 69) / 12)
    early, late = (tone.span(first, RATE)[0] for first in (2000, 20 * RATE))
    assert abs(cents(hertz(early), wanted)) < 2
    assert abs(cents(hertz(late), wanted)) < 2
    assert np.std(late) == pytest.approx(np.std(early), rel=0.01)


@pytest.mark.parametrize(
    ("settings", "about", "off"),
    [
        ([(52, 37)], {}, 37),
        ([(51, -2), (52, 10)], {}, -190),
        ([(58, 57)], {}, 1200),
        ([(56, 50)], {}, 0),
        ([], {"correction": -25}, -25),
        ([(46, 72)], {}, 300),
    ],
)
def test_tuning_is_that_of_the_region(opened, settings, about, off):
    tone = only_tone(opened(one_sample(*settings, root=69, **about)), 69).tone
    assert cents(hertz(tone.span(1000, 16_000)[0]), 440.0) == pytest.approx(off, abs=1)


def test_half_a_semitone_a_key_where_the_font_says_so(opened):
    tone = only_tone(opened(one_sample((56, 50), root=69)), 81).tone
    assert cents(hertz(tone.span(500, 12_000)[0]), 440.0) == pytest.approx(600, abs=1)


def test_a_loop_repeats_without_a_seam(opened):
    """Nowhere in ten seconds does the sine bend more than a sine of its level can."""
    tone = only_tone(opened(small_font()), 64).tone
    sound = tone.span(RATE, 10 * RATE)[0].astype(np.float64)
    step = 2 * np.pi * 441.0 * 2 ** (-5 / 12) / RATE
    assert np.abs(np.diff(sound, 2)).max() < 1.25 * np.abs(sound).max() * step**2


def test_a_sample_played_two_octaves_up_folds_nothing_back(opened):
    """7 kHz would become 28 kHz and fold to 16.1 kHz; it is left out instead."""
    mixed = sine(500.0) // 2 + sine(7000.0) // 2
    tone = only_tone(opened(one_sample(frames=mixed, root=60)), 84).tone
    spectrum = np.abs(np.fft.rfft(tone.span(500, 4096)[0] * np.hanning(4096)))
    at = np.fft.rfftfreq(4096, 1 / RATE)
    assert at[np.argmax(spectrum)] == pytest.approx(2000, abs=15)
    assert spectrum[at > 3000].max() < 0.002 * spectrum.max()


def test_regions_are_chosen_by_key_and_velocity(opened):
    maker = FontMaker()
    low, high = maker.sample(sine(220.0), root=57), maker.sample(sine(880.0), root=81)
    both = maker.instrument(
        [(43, (0, 63)), (53, low)], [(43, (64, 127)), (44, (0, 99)), (53, high)]
    )
    maker.preset(0, [(44, (20, 127)), (41, both)])
    font = opened(maker)
    assert [len(font.tones((0, 0), *played, RATE)) for played in ((60, 80), (70, 80))] == [1, 1]
    assert font.tones((0, 0), 70, 110, RATE) == ()
    assert font.tones((0, 0), 60, 10, RATE) == ()
    assert font.tones((0, 5), 60, 80, RATE) == ()


def test_settings_of_the_preset_are_added_and_global_zones_hold_for_all(opened):
    maker = FontMaker()
    tone = maker.sample(sine(), root=69)
    quiet = maker.instrument([(48, 100), (17, 500)], [(53, tone)], [(17, -500), (53, tone)])
    maker.preset(0, [(48, 150)], [(41, quiet)])
    loud = maker.instrument([(53, tone)])
    maker.preset(1, [(41, loud)])
    font = opened(maker)
    right, left = font.tones((0, 0), 69, 100, RATE)
    (plain,) = font.tones((0, 1), 69, 100, RATE)
    assert (right.pan, left.pan, plain.pan) == (1, -1, 0)
    assert 20 * np.log10(right.gain / plain.gain) == pytest.approx(-25 * 0.4, abs=0.01)


def test_the_envelope_is_that_of_the_region(opened):
    """Attack 0.1 s, hold 0.1 s, decay of 96 dB in 1 s to -12 dB."""
    settings = [(34, -3986), (35, -3986), (36, 0), (37, 120), (54, 1)]
    flat = np.full(2000, 16_000, "<i2")
    font = opened(one_sample(*settings, frames=flat, loop=(500, 1500), root=69))
    sound = only_tone(font).tone.span(0, RATE)[0] / (16_000 / 32_768)
    assert sound[round(0.05 * RATE)] == pytest.approx(0.5, abs=0.01)
    assert sound[round(0.15 * RATE)] == pytest.approx(1.0, abs=0.01)
    assert 20 * np.log10(sound[round((0.2 + 6 / 96) * RATE)]) == pytest.approx(-6, abs=0.1)
    assert 20 * np.log10(sound[round(0.8 * RATE)]) == pytest.approx(-12, abs=0.1)


def test_the_release_falls_as_long_as_the_region_says(opened):
    tone = only_tone(opened(one_sample((38, 0), (54, 1), loop=(100, 8000)))).tone
    assert len(tone.release) == RATE
    assert 20 * np.log10(tone.release[RATE // 4]) == pytest.approx(-24 - 2.5, abs=0.2)
    assert tone.release[-1] < 1e-6


def test_the_filter_takes_the_high_partials_away(opened):
    mixed = sine(300.0) // 2 + sine(5000.0) // 2
    cutoff = round(1200 * np.log2(1000 / 8.176))
    tone = only_tone(opened(one_sample((8, cutoff), frames=mixed, root=69))).tone
    spectrum = np.abs(np.fft.rfft(tone.span(1000, CHUNK)[0] * np.hanning(CHUNK)))
    at = np.fft.rfftfreq(CHUNK, 1 / RATE)
    share = spectrum[at > 4000].max() / spectrum[at < 1000].max()
    assert 20 * np.log10(share) == pytest.approx(-28, abs=2)


def test_the_band_plays_the_font_and_what_it_lacks_itself(opened):
    font = opened(small_font())
    sine_band, own = Band(font=font), Band()
    for band in (sine_band, own):
        band.start(Sound(69, 80, RATE, "piano"))
    heard = sine_band.block(RATE)[:, 0]
    assert cents(hertz(heard[4000:]), 441.0) == pytest.approx(0, abs=2)
    drums = Band(font=font)
    drums.start(Sound(36, 100, 100, "drums"))
    assert np.abs(drums.block(2000)).max() > 0.05
    drums.start(Sound(38, 100, 100, "drums"))
    drums.clear()
    assert np.abs(drums.block(2000)).max() == 0
    lacking = FontMaker()
    lacking.preset(5, [(41, lacking.instrument([(53, lacking.sample(sine()))]))])
    other = Band(font=opened(lacking))
    other.start(Sound(69, 80, RATE, "piano"))
    np.testing.assert_array_equal(other.block(RATE), own.block(RATE))


def test_a_score_is_rendered_with_the_program_of_its_track(opened):
    maker = small_font()
    octave = maker.instrument([(51, 12), (54, 1), (53, 0)])
    maker.preset(40, [(41, octave)])
    notes = (Note(69, Fraction(0), Fraction(2)),)
    font = opened(maker)
    score = Score(notes, tracks=(Track(0, program=40),))
    assert cents(hertz(render(score, font=font)[4000:, 0]), 882.0) == pytest.approx(0, abs=2)
    assert cents(hertz(render(score, "piano", font=font)[4000:, 0]), 441.0) == pytest.approx(
        0, abs=2
    )


def test_drums_of_one_class_silence_each_other(opened):
    maker = FontMaker()
    ringing = maker.sample(sine(300.0, 2.0), root=46)
    hats = maker.instrument([(57, 1), (53, ringing)])
    maker.preset(0, [(41, hats)], bank=128)
    font = opened(maker)
    alone, cut = Band(font=font), Band(font=font)
    for band in (alone, cut):
        band.start(Sound(46, 100, 10, "drums"))
    cut.start(Sound(42, 1, 10, "drums", gain=0.01, delay=RATE // 4))
    long, short = alone.block(RATE // 2), cut.block(RATE // 2)
    np.testing.assert_array_equal(long[: RATE // 4], short[: RATE // 4])
    assert np.std(short[-2000:]) < 0.3 * np.std(long[-2000:])


# Damaged and hostile


def refusal(tmp_path, data):
    path = tmp_path / "bad.sf2"
    path.write_bytes(data)
    with pytest.raises(MusicError) as caught:
        SoundFont(path)
    return caught.value


def changed(data, name, offset, packed):
    at = data.index(name) + 8 + offset
    return data[:at] + packed + data[at + len(packed) :]


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda data: b"", "empty"),
        (lambda data: b"MThd" + data[4:], "does not begin"),
        (lambda data: data[:8] + b"WAVE" + data[12:], "another kind of RIFF"),
        (lambda data: data[:8] + b"DLS " + data[12:], "DLS"),
        (lambda data: data[:-1000], "ends after"),
        (lambda data: data.replace(b"shdr", b"xxxx"), "samples are missing"),
        (lambda data: data.replace(b"smpl", b"xxxx"), "sound are missing"),
        (lambda data: changed(data, b"smpl", -4, b"\xff\xff\xff\x7f"), "claims"),
        (lambda data: changed(data, b"pbag", -4, b"\x02\0\0\0"), "claims"),
        (lambda data: changed(data, b"phdr", 24, b"\xff\xff"), "presets point"),
        (lambda data: changed(data, b"ibag", 4, b"\xff\xff"), "zones of instruments point"),
        (lambda data: changed(data, b"pgen", 2, b"\x63\0"), "uses instrument 99"),
        (lambda data: changed(data, b"igen", 6, b"\x64\0"), "uses sample 100"),
        (lambda data: changed(data, b"shdr", 24, b"\xff\xff\xff\x7f"), "outside the sound"),
        (lambda data: changed(data, b"shdr", 44, b"\x11\0"), "compressed"),
    ],
)
def test_what_is_damaged_is_refused_with_a_reason(tmp_path, damage, why):
    error = refusal(tmp_path, damage(small_font().bytes()))
    assert why in error.why
    assert error.what == "the SoundFont cannot be read"
    assert error.hint


def test_a_table_with_half_a_row_is_refused(tmp_path):
    maker = small_font()
    maker.samples.append(b"half a sample")
    assert "table of its samples is damaged" in refusal(tmp_path, maker.bytes()).why


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(MusicError, match="cannot be opened"):
        SoundFont(tmp_path / "nothing.sf2")
    with pytest.raises(MusicError, match="no file"):
        SoundFont(tmp_path)


def test_a_font_that_multiplies_its_zones_stays_small(opened):
    """300 zones of a preset, each with an instrument of 300 zones: not 90,000 at once."""
    maker = FontMaker()
    tone = maker.sample(sine())
    many = maker.instrument(*([(53, tone)] for _zone in range(300)))
    maker.preset(0, *([(41, many)] for _zone in range(300)))
    assert len(opened(maker).tones((0, 0), 60, 80, RATE)) == 12


@pytest.mark.parametrize("amount", [-32768, 32767])
def test_no_setting_hurts(opened, amount):
    for kind in (*range(60), 9999):
        if kind in {41, 53}:
            continue
        font = opened(one_sample((kind, amount), (54, 1), loop=(10, 5000)))
        for tone in font.tones((0, 0), 60, 80, RATE):
            assert np.isfinite(tone.tone.span(0, 100)).all()
            assert np.isfinite([tone.gain, tone.pan]).all()


def mutant(data, draw):
    """A few bytes changed, mostly in the tables, or a piece cut out or doubled."""
    made = bytearray(data)
    tables = data.index(b"pdta")
    for _change in range(draw.choice([1, 1, 2, 5, 20])):
        at = (
            draw.randrange(tables, len(made)) if draw.random() < 0.8 else draw.randrange(len(made))
        )
        kind = draw.random()
        if kind < 0.6:
            made[at] = draw.choice([0, 1, 0x7F, 0x80, 0xFF, draw.randrange(256)])
        elif kind < 0.8:
            made[at : at + 4] = struct.pack("<I", draw.choice([0, 1, 2**31 - 1, 2**32 - 1, 65535]))
        elif kind < 0.9:
            del made[at : at + draw.randrange(1, 60)]
        else:
            made[at:at] = made[at : at + draw.randrange(1, 60)]
        tables = min(tables, len(made) - 1)
    return bytes(made)


def survive(path, count, seed):
    """Open and play mutants; return how many were opened and how many refused."""
    draw = random.Random(seed)
    data = rich_font().bytes()
    told = {True: 0, False: 0}
    for _number in range(count):
        path.write_bytes(mutant(data, draw))
        try:
            font = SoundFont(path)
        except MusicError as error:
            told[False] += bool(error.what and error.why)
            continue
        told[True] += 1
        preset = draw.choice(font.presets)
        for tone in font.tones((preset.bank, preset.program), draw.randrange(128), 80, RATE)[:2]:
            assert np.isfinite(tone.tone.span(0, 64)).all()
    return told[True], told[False]


def rich_font():
    maker = small_font()
    other = maker.sample(sine(330.0, 0.05), loop=(100, 900), root=64)
    settings = [(8, 9000), (11, 2400), (34, -6000), (36, -2000), (37, 200), (38, -3000), (17, 250)]
    zones = ([*settings[:3]], [(43, (0, 63)), *settings, (54, 1), (53, other)], [(53, 0)])
    maker.preset(7, [(44, (0, 127)), (48, 30), (41, maker.instrument(*zones))], name=b"Rich")
    return maker


def test_mutated_fonts_open_or_are_refused_with_a_sentence(tmp_path):
    good, bad = survive(tmp_path / "font.sf2", 120, seed=1)
    assert good + bad == 120
    assert min(good, bad) > 20


@pytest.mark.long
def test_ten_thousand_mutated_fonts_open_or_are_refused_with_a_sentence(tmp_path):
    good, bad = survive(tmp_path / "font.sf2", 10_000, seed=2)
    assert good + bad == 10_000
    assert min(good, bad) > 2000
