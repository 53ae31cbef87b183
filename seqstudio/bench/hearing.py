"""Playing in a window while its model trains flat out: glitches, stops, the first sound."""

from __future__ import annotations

import gc
import math
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqstudio.audio.output import RATE, Output, SoundOutput
from seqstudio.bench.paced import PacedSounddevice, PacedStream
from seqstudio.core.errors import RunError
from seqstudio.music.score import Note, Score, Track

if TYPE_CHECKING:
    from seqstudio.bench.desk import Desk
    from seqstudio.studio.listen import ListenSession

LEARN_S = 30.0
_HOG_MS = 50
_PROMPT = "X:1\nT:\nM:6/8\nL:1/8\nK:D\n"
_TUNE = 400


def chorale(bars: int = 8) -> Score:
    """Return four voices in eighths and quarters that use four instruments."""
    chance = random.Random(7)
    notes = []
    for voice, (low, step) in enumerate(((67, 1), (60, 1), (53, 2), (41, 2))):
        for place in range(bars * 8 // step):
            start, length = Fraction(place * step, 2), Fraction(step, 2)
            notes.append(Note(low + chance.choice((0, 2, 4, 5, 7)), start, length, 80, voice))
    tracks = tuple(Track(voice, program=p) for voice, p in enumerate((73, 0, 24, 33)))
    bar_starts = tuple(Fraction(4 * bar) for bar in range(bars))
    return Score(tuple(notes), 120.0, (4, 4), "C major", bar_starts=bar_starts, tracks=tracks)


def hear(seconds: float, stops: int, tunes: int, folder: str) -> dict[str, Any]:
    """Play beside a training; return what was counted and measured.

    Args:
        seconds: How long to play, a third of it beside a hog and the garbage collector.
        stops: How often to stop.
        tunes: How many tunes to ask for.
        folder: Place for the project.
    """
    from seqstudio.bench.desk import Desk, endless  # which imports this module

    desk, device = Desk(), PacedSounddevice()
    listen = desk.window.listen.listen
    opened: list[SoundOutput] = []

    def opener() -> tuple[Output, str]:
        opened.append(SoundOutput(device, RATE))
        return opened[-1], ""

    listen.opener = opener
    desk.open(endless("abc-lstm", 2), Path(folder) / "project.seq")
    desk.warm_up()
    desk.window.show_page("listen")
    desk.window.session.play()
    desk.until(lambda: desk.window.session.history.step > 5, "a few steps")
    desk.spin(LEARN_S)
    listen.open_sound()
    desk.until(lambda: bool(opened) and not listen.rendering, "the sound device")
    stream = device.stream
    assert stream is not None
    found: dict[str, Any] = {"steps": -desk.window.session.history.step}
    _play(desk, listen, seconds, stream, opened[0], found)
    found["steps"] += desk.window.session.history.step
    found["stops"] = [_stop(desk, listen, stream, number) for number in range(stops)]
    found["first"] = [_first_sound(desk, listen, stream, number) for number in range(tunes)]
    desk.close()
    return found


def _play(
    desk: Desk, listen: ListenSession, seconds: float, stream: PacedStream,
    output: SoundOutput, found: dict[str, Any],
) -> None:  # fmt: skip
    desk.until(lambda: listen.take is not None, "a tune")
    listen.edit(chorale(), "a chorale")
    listen.set_loop(True)
    listen.set_metronome(True)
    listen.play()
    desk.until(lambda: not math.isnan(stream.first_s), "sound")
    desk.spin(seconds * 2 / 3)
    calm = stream.underflows + output.underflows
    with _hog():
        desk.spin(seconds / 3)
    found["calm"], found["hogged"] = calm, stream.underflows + output.underflows - calm
    found["played_s"] = stream.played_s
    listen.set_metronome(False)
    listen.stop()


@contextmanager
def _hog() -> Iterator[None]:
    """Hold the interpreter's lock for 50 ms four times a second and collect garbage twice."""
    done = threading.Event()
    count = 1_000_000
    began = time.perf_counter()
    sum(range(count))  # one call into C: no other thread of Python runs meanwhile
    count = round(count * _HOG_MS / 1000 / (time.perf_counter() - began))

    def work() -> None:
        while not done.wait(0.2):
            sum(range(count))
            gc.collect()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _stop(desk: Desk, listen: ListenSession, stream: PacedStream, number: int) -> float:
    """Return the ms from a stop to silence."""
    stream.listen_anew()
    listen.play()
    desk.until(lambda: not math.isnan(stream.first_s), "sound")
    desk.spin(random.Random(number).uniform(0.25, 0.45))
    began = time.monotonic()
    listen.stop()
    desk.until(lambda: time.monotonic() > began + 0.12, "silence")
    return max(0.0, 1000 * (stream.loud_until_s - began))


def _first_sound(desk: Desk, listen: ListenSession, stream: PacedStream, number: int) -> float:
    """Return the ms from asking for a tune to the first sound that the device is given."""
    listen.stop()
    listen.set_loop(False)
    desk.spin(0.3)
    stream.listen_anew()
    began = time.monotonic()
    if not listen.write(_PROMPT, _TUNE, 0.6, 0, 1.0, 100 + number):
        raise RunError("The model was not asked", "there is no trainer")
    desk.until(lambda: not math.isnan(stream.first_s), "the first sound")
    first = stream.first_s
    desk.until(lambda: listen.take is not None and listen.take.done, "the whole tune")
    return 1000 * (first - began)
