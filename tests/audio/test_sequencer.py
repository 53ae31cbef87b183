"""Playing on a device that the test drives, and without sound: what is heard, and where."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from seqstudio.audio import sequencer as sequencer_module
from seqstudio.audio.arrangement import Arrangement, Part, click_beats
from seqstudio.audio.output import NullOutput, SoundOutput
from seqstudio.audio.sequencer import Sequencer
from seqstudio.music.score import Note, Score
from seqstudio.music.synth import Band, render
from tests.audio.sound_doubles import (
    BLOCK,
    RATE,
    FakeSounddevice,
    FakeTime,
    LevelBand,
    Steps,
    level,
    tune,
)

SCALE = [60, 62, 64, 65, 67, 69, 71, 72]
HALF = RATE // 2  # frames of a beat at 120 a minute


class Desk:
    """A sequencer with a device of no latency; time passes in `hear`."""

    def __init__(self, latency=0.0, band=None):
        self.clock = FakeTime()
        self.device = FakeSounddevice(latency)
        self.output = SoundOutput(self.device, RATE, clock=self.clock)
        self.band = band or LevelBand()
        self.sequencer = Steps(self.output, self.band)

    def hear(self, seconds):
        """Return what the device asks for in `seconds`, left side."""
        blocks = []
        for _ in range(round(seconds * RATE / BLOCK)):
            self.sequencer.work()
            blocks.append(self.device.stream.block())
            self.clock.now += BLOCK / RATE
        self.sequencer.work()
        return np.concatenate(blocks)[:, 0]


@pytest.fixture
def desk():
    return Desk()


@pytest.fixture
def silent():
    clock = FakeTime()
    sequencer = Steps(NullOutput(RATE, clock), LevelBand())
    yield sequencer, clock
    sequencer.close()


def steps(pitches, frames):
    return np.repeat([level(pitch) for pitch in pitches], frames)


# What is heard


def test_the_device_gets_every_note_at_its_frame(desk):
    desk.sequencer.arrange(Arrangement(tune(SCALE)))
    desk.sequencer.play()
    heard = desk.hear(4.0)
    np.testing.assert_array_equal(heard, steps(SCALE, HALF))
    assert desk.output.underflows == 0


def test_with_the_band_the_device_gets_what_a_wav_file_holds():
    desk = Desk(band=Band(RATE))
    score = tune(SCALE[:3], tempos=((Fraction(1), 90.0),))
    desk.sequencer.arrange(Arrangement(score, (Part(0, "organ"),)))
    desk.sequencer.play()
    heard = desk.hear(1.8)
    wanted = render(score, "organ", RATE, tail_s=1.0)[: len(heard), 0]
    np.testing.assert_allclose(heard, wanted, atol=1e-6)


def test_parts_have_gain_pan_instrument_and_can_be_muted(desk):
    score = Score(
        (Note(60, Fraction(0), Fraction(1), voice=0), Note(70, Fraction(0), Fraction(1), voice=1))
    )
    parts = (Part(0, "flute", gain=0.5, pan=-0.3), Part(1, "organ", muted=True))
    desk.sequencer.arrange(Arrangement(score, parts))
    desk.sequencer.play()
    desk.hear(0.1)
    (sound,) = desk.band.begun
    assert (sound.pitch, sound.instrument, sound.gain, sound.pan) == (60, "flute", 0.5, -0.3)


def test_a_voice_without_a_part_is_played_by_the_instrument_of_its_track(desk):
    desk.sequencer.arrange(Arrangement(tune([60])))
    desk.sequencer.play()
    desk.hear(0.1)
    assert desk.band.begun[0].instrument == "piano"


def test_another_arrangement_is_heard_behind_what_was_made_ahead(desk):
    desk.sequencer.arrange(Arrangement(tune([60] * 8)))
    desk.sequencer.play()
    desk.hear(1.0)
    desk.sequencer.arrange(Arrangement(tune([72] * 8)))
    heard = desk.hear(2.0)
    change = int(np.flatnonzero(np.isclose(heard, level(72)))[0])
    assert change / RATE <= 0.5  # the next note of the new score; no note begins twice
    assert len(desk.band.begun) == 7  # 3 s and a lead of 0.25 s
    np.testing.assert_allclose(heard[:change], level(60))
    np.testing.assert_allclose(heard[change:], level(72))


@pytest.mark.parametrize("bpm", [30.0, 47.0, 119.0, 240.0, 601.0])
@pytest.mark.parametrize("beats", [Fraction(1, 3), Fraction(1, 7), Fraction(1, 2)])
def test_changes_of_the_tempo_neither_lose_nor_double_notes(desk, bpm, beats):
    pitches = [40 + n for n in range(60)]
    desk.sequencer.arrange(Arrangement(tune(pitches, beats)))
    desk.sequencer.play()
    for now in (bpm, 120.0, bpm * 1.01, 113.0, bpm):
        desk.hear(0.13)
        desk.sequencer.arrange(Arrangement(tune(pitches, beats, now)))
    desk.hear(0.5)
    begun = [sound.pitch for sound in desk.band.begun]
    assert begun == pitches[: len(begun)]
    assert len(begun) >= 3


def test_a_tempo_change_keeps_the_beat_and_the_onsets_in_step(desk):
    desk.sequencer.arrange(Arrangement(tune(SCALE)))
    desk.sequencer.play()
    desk.hear(1.1)
    before = desk.sequencer.position_beats
    desk.sequencer.arrange(Arrangement(tune(SCALE, bpm=60)))
    assert desk.sequencer.position_beats == pytest.approx(before, abs=1e-3)
    desk.hear(2.0)
    # 0.25 s had been made ahead at the old tempo.
    assert desk.sequencer.position_beats == pytest.approx(before + 0.5 + 1.75, abs=0.03)


def test_a_voice_that_is_muted_is_silent_at_once(desk):
    score = tune([60], beats=20)
    desk.sequencer.arrange(Arrangement(score, (Part(0, "organ"),)))
    desk.sequencer.play()
    desk.hear(1.0)
    desk.sequencer.arrange(Arrangement(score, (Part(0, "organ", muted=True),)))
    desk.hear(0.3)
    assert not desk.hear(0.5).any()


# The end, stop and seek


def test_the_end_is_reached_and_play_begins_again(desk):
    desk.sequencer.arrange(Arrangement(tune([60, 62])))
    desk.sequencer.play()
    heard = desk.hear(1.5)
    assert not heard[2 * HALF :].any()
    assert not desk.sequencer.playing
    assert desk.sequencer.position_beats == 2.0
    desk.hear(0.5)
    desk.sequencer.play()
    np.testing.assert_array_equal(desk.hear(1.0), steps([60, 62], HALF))


@pytest.mark.parametrize("latency", [0.0, 0.2])
@pytest.mark.parametrize("action", ["stop", "pause"])
def test_stop_is_silent_within_100_ms(action, latency):
    desk = Desk(latency)
    desk.sequencer.arrange(Arrangement(tune([60], beats=20)))
    desk.sequencer.play()
    desk.hear(1.0)
    at = desk.sequencer.position_beats
    assert at == pytest.approx(2 * (1.0 - latency), abs=0.03)
    getattr(desk.sequencer, action)()
    desk.sequencer.work()
    assert not desk.sequencer.playing
    assert desk.sequencer.position_beats == (0.0 if action == "stop" else pytest.approx(at))
    if latency:
        assert desk.device.stream.aborted == 1
    else:
        after = desk.hear(0.3)
        assert np.flatnonzero(after).max() / RATE < 0.1
        assert np.abs(np.diff(after)).max() < 0.02
    assert not desk.band.voices


def test_seeking_into_a_held_note_sounds_its_rest(desk):
    desk.sequencer.arrange(Arrangement(tune([60, 72], beats=4)))
    desk.sequencer.play()
    desk.hear(0.5)
    desk.sequencer.seek(3.0)
    heard = desk.hear(1.0)
    assert heard[-1] == level(72)
    second = int(np.flatnonzero(np.isclose(heard, level(72)))[0])
    assert second == pytest.approx(HALF, abs=0.021 * RATE)
    assert [sound.frames for sound in desk.band.begun[1:2]] == [HALF]


def test_pause_and_play_go_on_at_the_same_beat(silent):
    sequencer, clock = silent
    sequencer.arrange(Arrangement(tune(SCALE)))
    sequencer.play()
    clock.now += 1.5
    assert sequencer.position_beats == pytest.approx(3.0, abs=1e-3)
    sequencer.pause()
    clock.now += 10
    assert sequencer.position_beats == pytest.approx(3.0, abs=1e-3)
    sequencer.play()
    clock.now += 0.5
    assert sequencer.position_beats == pytest.approx(4.0, abs=1e-3)
    sequencer.seek(99)
    assert sequencer.position_beats == 8.0
    sequencer.seek(-3)
    assert sequencer.position_beats == 0.0


def test_nothing_to_play_ends_at_once(silent):
    sequencer, clock = silent
    sequencer.play()
    clock.now += 0.1
    assert not sequencer.playing
    assert sequencer.position_beats == 0.0


# Loops


def test_a_loop_comes_round_without_a_gap(desk):
    desk.sequencer.arrange(Arrangement(tune(SCALE)))
    desk.sequencer.loop = (2.0, 4.0)
    desk.sequencer.play()
    heard = desk.hear(4.0)
    np.testing.assert_array_equal(heard, steps([60, 62, *[64, 65] * 3], HALF))
    assert desk.sequencer.position_beats == pytest.approx(2.0, abs=0.05)


def test_a_loop_is_moved_while_playing_without_a_gap(desk):
    desk.sequencer.arrange(Arrangement(tune(SCALE)))
    desk.sequencer.loop = (0.0, 2.0)
    desk.sequencer.play()
    heard = [desk.hear(1.6)]
    desk.sequencer.loop = (0.0, 4.0)
    heard.append(desk.hear(2.4))
    desk.sequencer.loop = (6.0, 7.0)
    heard.append(desk.hear(3.0))
    joined = np.concatenate(heard)
    assert joined.min() == level(60)
    np.testing.assert_array_equal(
        joined, steps([60, 62, 60, 62, 64, 65, 60, 62, 64, 65, 67, 69, 71, 71], HALF)
    )


def test_a_loop_closed_just_behind_the_playhead_is_entered(desk):
    desk.sequencer.arrange(Arrangement(tune([60, 62], beats=4)))
    desk.sequencer.play()
    desk.hear(1.0)
    at = desk.sequencer.position_beats
    desk.sequencer.loop = (0.0, at + 0.2)  # 0.5 beats have been made ahead
    desk.hear(0.6)
    assert desk.sequencer.position_beats < at


def test_notes_over_the_end_of_a_loop_end_there(desk):
    desk.sequencer.arrange(Arrangement(tune([60, 72], beats=4)))
    desk.sequencer.loop = (1.0, 2.0)
    desk.sequencer.seek(0)
    desk.sequencer.play()
    heard = desk.hear(3.0)
    np.testing.assert_array_equal(heard[: 2 * HALF], steps([60], 2 * HALF))
    assert not heard[2 * HALF + 1 :].any()


def test_a_loop_shorter_than_10_ms_is_none(silent):
    sequencer, _clock = silent
    sequencer.arrange(Arrangement(tune(SCALE)))
    sequencer.loop = (1.0, 1.001)
    assert sequencer.loop is None
    sequencer.loop = (3.0, 1.0)
    assert sequencer.loop == (1.0, 3.0)


def test_the_playhead_goes_through_loops_seeks_and_tempos_without_sound(silent):
    sequencer, clock = silent
    sequencer.arrange(Arrangement(tune(SCALE, tempos=((Fraction(4), 60.0),))))
    sequencer.loop = (2.0, 6.0)
    sequencer.play()
    clock.now += 2.0 + 1.0
    assert sequencer.position_beats == pytest.approx(5.0, abs=1e-3)
    clock.now += 1.0 + 0.5
    assert sequencer.position_beats == pytest.approx(3.0, abs=1e-3)
    sequencer.loop = None
    clock.now += 600
    assert not sequencer.playing
    assert sequencer.position_beats == 8.0


# While it is written


def growing(count):
    return Arrangement(tune(SCALE[:count]), complete=False)


def test_an_unfinished_song_begins_with_half_a_second_and_waits_at_the_frontier(desk):
    desk.sequencer.arrange(growing(1))
    desk.sequencer.play()
    desk.hear(0.2)
    assert desk.sequencer.playing
    assert desk.sequencer.starved
    assert not desk.device.stream.active  # silence ahead would only make it late
    desk.sequencer.arrange(growing(3))
    heard = desk.hear(1.5)
    np.testing.assert_array_equal(heard[: 2 * HALF], steps(SCALE[:2], HALF))
    assert not heard[2 * HALF :].any()
    assert desk.sequencer.starved
    assert desk.sequencer.position_beats == pytest.approx(2.0, abs=1e-3)
    desk.sequencer.arrange(Arrangement(tune(SCALE[:5])))
    heard = desk.hear(2.0)
    begin = int(np.flatnonzero(heard)[0])
    assert begin / RATE <= 0.25
    np.testing.assert_array_equal(heard[begin : begin + 3 * HALF], steps(SCALE[2:5], HALF))
    assert not desk.sequencer.starved
    assert desk.output.underflows == 0


def test_a_song_that_grows_in_time_is_heard_without_a_seam(desk):
    desk.sequencer.arrange(growing(4))
    desk.sequencer.play()
    heard = []
    for count in (5, 6, 7, 8):
        heard.append(desk.hear(0.5))
        desk.sequencer.arrange(growing(count))
    desk.sequencer.arrange(Arrangement(tune(SCALE)))
    heard.append(desk.hear(2.0))
    np.testing.assert_array_equal(np.concatenate(heard), steps(SCALE, HALF))


# Metronome


def test_clicks_accent_the_bars():
    beats, accents = click_beats(tune(SCALE))
    assert beats == list(range(8))
    assert [n for n, accent in enumerate(accents) if accent] == [0, 4]


def test_clicks_of_an_upbeat_and_of_six_eighths():
    starts = (Fraction(0), Fraction(1, 2), Fraction(7, 2))
    score = Score(meter=(6, 8), bar_starts=starts, end_beats=Fraction(13, 2))
    beats, accents = click_beats(score)
    assert beats == [Fraction(1, 2), 2, Fraction(7, 2), 5]
    assert accents == (True, False, True, False)


def test_the_metronome_clicks_at_the_beats_and_may_be_switched_while_playing(desk):
    silence = Score(meter=(4, 4), end_beats=Fraction(16))
    desk.sequencer.arrange(Arrangement(silence, metronome=True))
    desk.sequencer.play()
    heard = desk.hear(2.0)
    loud = np.abs(heard) > 0.01
    onsets = np.flatnonzero(loud & ~np.roll(loud, 1))
    firsts = sorted({round(int(at) / HALF) for at in onsets})
    assert firsts == [0, 1, 2, 3]
    peaks = [np.abs(heard[n * HALF : (n + 1) * HALF]).max() for n in range(4)]
    assert peaks[0] > 1.2 * max(peaks[1:])
    desk.sequencer.arrange(Arrangement(silence))
    desk.hear(0.5)
    assert not desk.hear(1.0).any()


# Outputs that come and go


def test_a_device_that_goes_is_replaced_at_the_same_beat(desk, monkeypatch):
    monkeypatch.setattr(sequencer_module, "NullOutput", lambda rate: NullOutput(rate, desk.clock))
    desk.sequencer.arrange(Arrangement(tune(SCALE)))
    desk.sequencer.play()
    desk.hear(1.0)
    desk.sequencer.volume = 0.5
    at = desk.sequencer.position_beats
    desk.device.stream.active = False
    desk.sequencer.work()
    assert "gone" in desk.sequencer.trouble.what
    assert isinstance(desk.sequencer.output, NullOutput)
    assert desk.sequencer.playing
    assert desk.sequencer.position_beats == pytest.approx(at, abs=1e-3)
    desk.clock.now += 1.0
    assert desk.sequencer.position_beats == pytest.approx(at + 2.0, abs=1e-3)
    assert desk.sequencer.volume == 0.5


def test_another_output_goes_on_where_the_old_one_was(silent):
    sequencer, clock = silent
    sequencer.arrange(Arrangement(tune(SCALE)))
    sequencer.play()
    clock.now += 1.0
    sequencer.set_output(NullOutput(RATE, clock))
    clock.now += 1.0
    assert sequencer.position_beats == pytest.approx(4.0, abs=1e-3)
    assert sequencer.playing


def test_volume_stays_in_range(desk):
    desk.sequencer.volume = 7
    assert desk.sequencer.volume == 1.0
    desk.sequencer.volume = -1
    assert desk.sequencer.volume == 0.0


class Late:
    """Tones that are made when the test says so."""

    def __init__(self):
        self.told = None
        self.made = set()
        self.wished = []

    def ready(self, key):
        return key in self.made

    def wish(self, keys):
        self.wished = list(dict.fromkeys(keys))

    def close(self):
        pass


def test_the_song_waits_for_tones_that_are_not_made():
    desk = Desk()
    late = Late()
    desk.sequencer = Steps(desk.output, desk.band, late)
    desk.sequencer.arrange(Arrangement(tune([60, 62, 60]), (Part(0, "strings"),)))
    assert late.wished == [("strings", 60), ("strings", 62)]
    desk.sequencer.play()
    desk.hear(0.1)
    assert not desk.device.stream.active
    late.made.update(late.wished[:1])
    heard = desk.hear(1.0)
    assert not heard.any() or np.flatnonzero(heard).max() < HALF
    late.made.update(late.wished)
    heard = desk.hear(2.0)
    assert [sound.pitch for sound in desk.band.begun] == [60, 62, 60]
    assert desk.output.underflows == 0


def test_a_real_thread_plays_to_the_end_and_closes():
    sequencer = Sequencer(NullOutput(RATE), LevelBand())
    sequencer.arrange(Arrangement(replace(tune([60]), tempo_bpm=600.0)))
    sequencer.play()
    thread = sequencer._thread
    while sequencer.playing:
        thread.join(0.005)
    assert sequencer.position_beats == 1.0
    sequencer.close()
    assert not thread.is_alive()
