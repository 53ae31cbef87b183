"""The ring, the device behind it and the output without sound, on clocks that the test turns."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from seqstudio.audio import output as output_module
from seqstudio.audio.output import LATENCY_S, NullOutput, SoundOutput, open_output
from seqstudio.audio.ring import Ring
from seqstudio.core.errors import DeviceError
from tests.audio.sound_doubles import BLOCK, RATE, FakeSounddevice, FakeTime, PortAudioError


def ramp(frames, first=0):
    """Frames that tell their own number."""
    n = np.arange(first, first + frames, dtype=np.float32) / 65536
    return np.stack([n, -n], axis=1)


def read(ring, frames):
    out = np.full((frames, 2), np.nan, np.float32)
    ring.read(out)
    return out


# Ring


def test_what_is_written_is_read_once_in_order_over_many_turns_of_the_buffer():
    ring = Ring(RATE, seconds=0.1)
    ring.due = True
    got = []
    for turn in range(40):
        ring.write(ramp(150, turn * 150))
        got.append(read(ring, 150))
    np.testing.assert_array_equal(np.concatenate(got), ramp(6000))
    assert ring.short == 0


def test_too_little_is_counted_only_when_sound_was_promised():
    ring = Ring(RATE)
    assert not read(ring, 100).any()
    assert ring.short == 0
    ring.due = True
    ring.write(ramp(50, 1))
    got = read(ring, 100)
    np.testing.assert_array_equal(got[:50], ramp(50, 1))
    assert not got[50:].any()
    assert (ring.short, ring.taken) == (1, 50)


def test_what_is_dropped_fades_within_20_ms_and_what_follows_begins_behind_it():
    ring = Ring(RATE)
    ring.due = True
    ring.write(np.full((RATE, 2), 0.8, np.float32))
    before = read(ring, 400)
    ring.drop()
    assert ring.ahead == 0
    ring.write(np.full((400, 2), 0.5, np.float32))
    after = [read(ring, 50) for _ in range(8)]
    heard = np.concatenate([before, *after])[:, 0]
    last = int(np.flatnonzero(heard).max()) + 1
    assert (last - 400) / RATE <= 0.02
    assert np.abs(np.diff(heard)).max() < 0.02
    ring.due = True
    assert read(ring, 10)[0, 0] == np.float32(0.5)
    assert ring.since_drop == 10


def test_volume_turns_smoothly():
    ring = Ring(RATE)
    ring.due = True
    ring.write(np.full((RATE, 2), 0.8, np.float32))
    read(ring, 100)
    ring.volume = 0.25
    heard = np.concatenate([read(ring, 100) for _ in range(3)])
    assert heard[-1, 0] == pytest.approx(0.2)
    assert np.abs(np.diff(heard[:, 0])).max() < 0.01


def test_reading_builds_no_arrays_that_grow_with_the_sound():
    ring = Ring(RATE)
    ring.due = True
    ring.write(np.ones((16000, 2), np.float32))
    block = np.zeros((4096, 2), np.float32)
    ring.read(block)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        ring.read(block)
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    assert peak < block.nbytes / 4


# The device


@pytest.fixture
def clock():
    return FakeTime()


def device(clock, latency=0.2):
    fake = FakeSounddevice(latency)
    return SoundOutput(fake, RATE, clock=clock), fake.stream


def fill(output):
    output.write(np.ones((output.room, 2), np.float32))


def hear(output, stream, clock, blocks):
    for _ in range(blocks):
        stream.block()
        fill(output)
        clock.now += BLOCK / RATE


def test_the_device_begins_when_the_lead_is_filled(clock):
    output, stream = device(clock)
    assert output.room == 0
    output.start()
    output.serve()
    assert not stream.active
    assert output.room == 0.25 * RATE
    fill(output)
    output.serve()
    assert stream.active
    assert output.underflows == 0


def test_the_clock_of_the_device_is_what_it_took_less_what_it_holds(clock):
    output, stream = device(clock)
    output.start()
    fill(output)
    output.serve()
    assert output.heard == 0
    hear(output, stream, clock, 20)  # 0.2 s are in the device, nothing has been heard
    assert output.heard == pytest.approx(BLOCK, abs=1)
    hear(output, stream, clock, 50)
    assert output.heard == pytest.approx(51 * BLOCK, abs=1)
    clock.now += 0.005  # between two questions it goes on with time, but not beyond one block
    assert output.heard == pytest.approx(51 * BLOCK, abs=1)
    stream.block()
    assert output.heard == pytest.approx(51 * BLOCK, abs=1)
    clock.now += 0.005
    assert output.heard == pytest.approx(51 * BLOCK + 40, abs=1)


def test_a_flush_throws_away_what_a_slow_device_holds(clock):
    output, stream = device(clock)
    output.start()
    fill(output)
    output.serve()
    hear(output, stream, clock, 70)
    heard = output.heard
    output.flush()
    output.serve()
    assert (stream.aborted, stream.active) == (1, False)
    assert output.heard == output.written == heard
    output.start()
    fill(output)
    output.serve()
    assert stream.active
    hear(output, stream, clock, 40)
    assert output.heard == pytest.approx(heard + 21 * BLOCK, abs=1)


def test_a_quick_device_fades_and_runs_on(clock):
    output, stream = device(clock, latency=0.02)
    output.start()
    fill(output)
    output.serve()
    hear(output, stream, clock, 10)
    output.flush()
    output.serve()
    heard = np.concatenate([stream.block() for _ in range(20)])
    assert stream.active
    assert stream.aborted == 0
    assert 0 < np.flatnonzero(heard[:, 0]).max() / RATE < 0.1


def test_a_device_that_ends_its_stream_is_gone(clock):
    output, stream = device(clock)
    output.start()
    fill(output)
    output.serve()
    hear(output, stream, clock, 5)
    output.serve()
    stream.active = False
    with pytest.raises(DeviceError, match="gone"):
        output.serve()


def test_a_device_that_asks_for_nothing_is_gone(clock):
    output, _stream = device(clock)
    output.start()
    fill(output)
    output.serve()
    clock.now += 3.0  # some begin after two seconds
    output.serve()
    clock.now += 3.0
    with pytest.raises(DeviceError, match="gone"):
        output.serve()


def test_a_device_that_does_not_start_says_so(clock):
    output, stream = device(clock)
    stream.broken = True
    output.start()
    fill(output)
    with pytest.raises(DeviceError, match="does not answer"):
        output.serve()


def test_underflows_of_the_device_are_counted(clock):
    output, stream = device(clock)
    for _ in range(4):
        stream.block(status="output underflow")
    assert output.underflows == 4


def test_close_lets_go_of_the_device(clock):
    output, stream = device(clock)
    output.close()
    assert stream.closed


# Without sound


def test_without_sound_the_clock_is_the_same(clock):
    output = NullOutput(RATE, clock)
    clock.now += 1
    assert (output.heard, output.room) == (0, 0)
    output.start()
    clock.now += 0.5
    assert output.room == 0.5 * RATE
    output.skip(output.room)
    assert output.heard == output.written == 0.5 * RATE
    output.flush()
    clock.now += 5
    assert output.heard == 0.5 * RATE
    output.start()
    clock.now += 0.25
    output.write(np.zeros((output.room, 2), np.float32))
    assert output.heard == 0.75 * RATE


# Opening


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
