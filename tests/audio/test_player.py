"""The transport on an output without sound and on a device whose callback the test drives."""

from __future__ import annotations

import numpy as np
import pytest

from seqstudio.audio import output as output_module
from seqstudio.audio.output import LATENCY_S, NullOutput, SoundOutput, open_output
from seqstudio.audio.player import Player
from seqstudio.core.errors import DeviceError

RATE = 8000
BLOCK = 80


class PortAudioError(Exception):
    """Stands for the error type of the sound library."""


class FakeStream:
    """A device that asks for sound only when the test says so."""

    def __init__(self, latency=LATENCY_S, **settings):
        self.callback = settings["callback"]
        self.latency = latency
        self.active = False
        self.closed = False
        self.aborted = 0
        self.broken = False

    def start(self):
        if self.broken:
            raise PortAudioError("device gone")
        self.active = True

    def abort(self):
        self.active = False
        self.aborted += 1

    def close(self):
        self.closed = True

    def hear(self, seconds, status=""):
        """Return what the device asks for in `seconds`, one block after another."""
        blocks = []
        for _ in range(round(seconds * RATE / BLOCK)):
            block = np.full((BLOCK, 2), np.nan, np.float32)
            self.callback(block, BLOCK, None, status)
            blocks.append(block)
        return np.concatenate(blocks)


class FakeSounddevice:
    """The part of the sounddevice module that the output uses."""

    PortAudioError = PortAudioError

    def __init__(self, latency=0.0):
        self.latency = latency
        self.stream = None

    def OutputStream(self, **settings):  # noqa: N802
        self.settings = settings
        given = {**settings, "latency": self.latency}
        self.stream = FakeStream(**given)
        return self.stream


class FakeTime:
    """A clock that the test turns."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def ramp(seconds=4.0):
    """A sound that tells its own frame number: left = frame / 2^16, right the negative."""
    n = np.arange(round(seconds * RATE), dtype=np.float32) / 65536
    return np.stack([n, -n], axis=1)


def loud(seconds=4.0):
    """A constant sound: every step of its gain can be read off."""
    return np.full((round(seconds * RATE), 2), 0.8, np.float32)


@pytest.fixture
def device():
    fake = FakeSounddevice()
    player = Player(SoundOutput(fake, RATE))
    return player, fake.stream


@pytest.fixture
def silent():
    clock = FakeTime()
    return Player(NullOutput(RATE, clock)), clock


@pytest.fixture(params=["device", "silent"])
def any_player(request):
    """A player with a way to let time pass, over both outputs."""
    player, other = request.getfixturevalue(request.param)

    def wait(seconds):
        if request.param == "device":
            other.hear(seconds)
        else:
            other.now += seconds

    return player, wait


def test_play_pause_and_seek_follow_the_clock_alike(any_player):
    player, wait = any_player
    player.load(ramp(), RATE)
    assert (player.duration_s, player.position_s, player.playing) == (4.0, 0.0, False)
    wait(1.0)
    assert player.position_s == 0.0
    player.play()
    wait(1.0)
    assert player.playing
    assert player.position_s == pytest.approx(1.0, abs=1e-3)
    player.pause()
    wait(0.5)
    assert not player.playing
    assert player.position_s == pytest.approx(1.0, abs=1e-3)
    player.seek(2.5)
    assert player.position_s == pytest.approx(2.5)
    player.play()
    wait(0.5)
    assert player.position_s == pytest.approx(3.0, abs=1e-3)
    player.seek(0.25)
    wait(0.5)
    assert player.playing
    # On a device the old place first fades out for 20 ms, then the new one begins.
    assert player.position_s == pytest.approx(0.75, abs=0.021)
    player.stop()
    assert (player.position_s, player.playing) == (0.0, False)


def test_the_end_is_reached_once_and_play_begins_again(any_player):
    player, wait = any_player
    player.load(ramp(1.0), RATE)
    player.play()
    wait(1.5)
    assert not player.playing
    assert player.position_s == 1.0
    player.play()
    wait(0.1)
    assert player.playing
    assert player.position_s == pytest.approx(0.1, abs=0.021)


def test_a_loop_comes_back_to_its_beginning(any_player):
    player, wait = any_player
    player.load(ramp(), RATE)
    player.loop = (1.0, 2.0)
    assert player.loop == (1.0, 2.0)
    player.seek(0.5)
    player.play()
    wait(1.0)
    assert player.position_s == pytest.approx(1.5, abs=1e-3)
    wait(0.75)
    assert player.position_s == pytest.approx(1.25, abs=1e-3)
    wait(10.0)
    assert player.playing
    assert player.position_s == pytest.approx(1.25, abs=1e-3)
    player.loop = None
    wait(1.0)
    assert player.position_s == pytest.approx(2.25, abs=0.021)


def test_seek_outside_and_loop_too_short_are_brought_inside(any_player):
    player, _ = any_player
    player.load(ramp(), RATE)
    player.seek(-3.0)
    assert player.position_s == 0.0
    player.seek(99.0)
    assert player.position_s == 4.0
    player.loop = (1.0, 1.001)
    assert player.loop is None


def test_nothing_loaded_plays_nothing(any_player):
    player, wait = any_player
    player.play()
    wait(0.2)
    assert not player.playing
    assert (player.position_s, player.duration_s) == (0.0, 0.0)


def test_the_device_gets_exactly_the_loaded_frames(device):
    player, stream = device
    player.load(ramp(), RATE)
    player.play()
    heard = stream.hear(1.0)
    fade = round(0.02 * RATE)
    np.testing.assert_array_equal(heard[fade:], ramp()[fade:RATE])
    assert np.all(np.abs(heard[:fade]) <= np.abs(ramp()[:fade]) + 1e-9)


def largest_step(heard):
    return np.abs(np.diff(heard[:, 0], prepend=0.0)).max()


@pytest.mark.parametrize("action", ["stop", "pause"])
def test_stop_is_silent_within_100_ms_and_fades(device, action):
    player, stream = device
    player.load(loud(), RATE)
    player.play()
    before = stream.hear(0.5)
    assert before[-1, 0] == np.float32(0.8)
    getattr(player, action)()
    after = stream.hear(0.5)
    last = np.flatnonzero(after[:, 0]).max()
    assert last / RATE < 0.1
    assert np.abs(np.diff(np.concatenate([before, after])[:, 0])).max() < 0.02
    assert stream.active


def test_a_seek_fades_out_and_in(device):
    player, stream = device
    player.load(loud(), RATE)
    player.play()
    stream.hear(0.5)
    player.seek(3.0)
    heard = stream.hear(0.5)
    silent_at = int(np.argmin(np.abs(heard[:, 0])))
    assert abs(heard[silent_at, 0]) < 0.02
    assert silent_at / RATE < 0.1
    assert heard[-1, 0] == np.float32(0.8)
    assert np.abs(np.diff(heard[:, 0])).max() < 0.02


def test_a_stop_throws_away_what_a_slow_device_still_holds():
    fake = FakeSounddevice(latency=0.2)
    player = Player(SoundOutput(fake, RATE))
    player.load(loud(), RATE)
    player.play()
    fake.stream.hear(1.0)
    assert player.position_s == pytest.approx(0.8)
    player.pause()
    assert (fake.stream.aborted, fake.stream.active) == (1, False)
    assert player.position_s == pytest.approx(0.8)
    player.play()
    assert fake.stream.active
    heard = fake.stream.hear(0.5)
    assert heard[0, 0] < 0.01
    assert player.position_s == pytest.approx(1.1)


def test_on_a_slow_device_the_end_comes_when_it_is_heard():
    fake = FakeSounddevice(latency=0.2)
    player = Player(SoundOutput(fake, RATE))
    player.load(loud(1.0), RATE)
    player.play()
    fake.stream.hear(1.1)
    assert player.playing
    fake.stream.hear(0.1)
    assert not player.playing
    assert player.position_s == 1.0


def test_the_seam_of_a_loop_has_no_step(device):
    player, stream = device
    player.load(loud(), RATE)
    player.loop = (1.0, 1.5)
    player.seek(0.9)
    player.play()
    heard = stream.hear(2.0)
    assert largest_step(heard) < 0.06
    # Passing the beginning of the loop for the first time leaves the sound alone.
    np.testing.assert_array_equal(heard[400:1600, 0], np.float32(0.8))
    seams = np.flatnonzero((heard[1:, 0] < 0.1) & (heard[:-1, 0] >= 0.1))
    np.testing.assert_allclose(np.diff(seams), 0.5 * RATE)


def test_volume_turns_smoothly_and_stays_in_range(device):
    player, stream = device
    player.load(loud(), RATE)
    player.play()
    stream.hear(0.2)
    player.volume = 0.25
    heard = stream.hear(0.2)
    assert heard[-1, 0] == pytest.approx(0.2)
    assert np.abs(np.diff(heard[:, 0])).max() < 0.01
    player.volume = 7
    assert player.volume == 1.0
    player.volume = -1
    assert player.volume == 0.0


def test_another_rate_is_converted_to_the_same_duration(device):
    player, stream = device
    seconds = np.arange(16000) / 16000
    player.load(np.sin(2 * np.pi * 50 * seconds).astype(np.float32), 16000)
    assert player.duration_s == 1.0
    player.play()
    heard = stream.hear(1.0)
    wanted = np.sin(2 * np.pi * 50 * np.arange(RATE) / RATE)
    np.testing.assert_allclose(heard[400:-1, 0], wanted[400:-1], atol=1e-3)


def test_samples_of_another_shape_are_refused(device):
    with pytest.raises(ValueError, match="samples"):
        device[0].load(np.zeros((5, 3), np.float32), RATE)


def test_underflows_are_counted(device):
    player, stream = device
    player.play()
    stream.hear(0.04, status="output underflow")
    assert player._output.underflows == 4


def test_a_device_that_goes_away_says_so(device):
    player, stream = device
    player.load(loud(), RATE)
    stream.broken = True
    with pytest.raises(DeviceError, match="does not answer"):
        player.play()


def test_close_lets_go_of_the_device(device):
    player, stream = device
    player.close()
    assert stream.closed


def test_the_callback_reads_by_index_and_builds_no_sound(device):
    """A block of sound costs no memory that grows with the block."""
    import tracemalloc

    player, stream = device
    player.load(loud(), RATE)
    player.play()
    stream.hear(0.2)
    block = np.zeros((4096, 2), np.float32)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        stream.callback(block, len(block), None, "")
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    assert peak < block.nbytes / 4


def give_module(monkeypatch, result):
    def fake_import(name):
        assert name == "sounddevice"
        if isinstance(result, Exception):
            raise result
        return result

    monkeypatch.setattr(output_module, "import_module", fake_import)


def test_no_library_gives_silence_and_names_the_package(monkeypatch):
    give_module(monkeypatch, OSError("PortAudio library not found"))
    opened, message = open_output()
    assert isinstance(opened, NullOutput)
    assert "libportaudio2" in message


def test_no_python_package_gives_silence(monkeypatch):
    give_module(monkeypatch, ModuleNotFoundError("sounddevice"))
    opened, message = open_output()
    assert isinstance(opened, NullOutput)
    assert "sounddevice" in message


def test_no_device_gives_silence(monkeypatch):
    fake = FakeSounddevice()

    def refuse(**_):
        raise PortAudioError("Error querying device -1")

    fake.OutputStream = refuse
    give_module(monkeypatch, fake)
    opened, message = open_output()
    assert isinstance(opened, NullOutput)
    assert "no sound device" in message


def test_a_device_gives_sound_without_a_message(monkeypatch):
    fake = FakeSounddevice()
    give_module(monkeypatch, fake)
    opened, message = open_output(RATE)
    assert isinstance(opened, SoundOutput)
    assert message == ""
    assert fake.settings["latency"] == LATENCY_S
    assert (fake.settings["samplerate"], fake.settings["channels"]) == (RATE, 2)


def test_this_computer_opens_something():
    opened, message = open_output()
    assert bool(message) == isinstance(opened, NullOutput)
    opened.close()
