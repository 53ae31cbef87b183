"""Benchmarks of playing: glitches and delays beside a training, and that all times agree."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from seqstudio.bench.hearing import LEARN_S, chorale
from seqstudio.bench.live import ask
from seqstudio.bench.results import Row, median
from seqstudio.bench.soundness import disagreement_ms, stuck_notes
from seqstudio.music.synth import render

STOPS = 200
TUNES = 9
PIECES = 1000
SCORES = 100


def bench_sound(
    seconds: float, platform: str, *, stops: int = STOPS, tunes: int = TUNES,
    pieces: int = PIECES, scores: int = SCORES,
) -> Iterator[Row]:  # fmt: skip
    """Measure playing for so many seconds in a window whose model trains, then what must hold."""
    yield from _glitches(
        ask("hear", platform, seconds=seconds, stops=stops, tunes=tunes, folder="")
    )
    stuck, ringing = stuck_notes(pieces)
    note = f"{pieces:,} pieces, every third stopped on the way"
    yield Row("notes stuck at the MIDI port", "", float(stuck), goal=0.0, note=note)
    yield Row("pieces that still ring 15 s behind their end", "", float(ringing), goal=0.0)
    note = f"{scores} scores with changes of the tempo"
    worst = disagreement_ms(scores)
    yield Row("WAV, MIDI and playhead apart, worst", "ms", worst, goal=1.0, note=note)
    yield _synthesis()


def _glitches(found: Mapping[str, Any]) -> Iterator[Row]:
    note = f"{found['played_s']:.0f} s, the trainer took {found['steps']:,} steps meanwhile"
    yield Row("underflows at 0.2 s beside a training", "", float(found["calm"]), goal=0.0,
              note=note)  # fmt: skip
    yield Row("underflows, with a 50 ms hog of the lock and gc", "", float(found["hogged"]),
              goal=0.0)  # fmt: skip
    yield from _worst("stop to silence", found["stops"], 100.0)
    yield from _worst(f"Generate to first sound, abc-lstm {LEARN_S:.0f} s old", found["first"],
                      300.0)  # fmt: skip


def _worst(what: str, values: Sequence[float], goal: float) -> Iterator[Row]:
    if values:
        note = f"median {median(values):.0f} ms of {len(values)}"
        yield Row(f"{what}, worst", "ms", max(values), goal=goal, note=note)


def _synthesis() -> Row:
    score = chorale(30)
    render(score)  # makes the tones
    began = time.process_time()
    render(score)
    speed = score.end_seconds / (time.process_time() - began)
    return Row(
        "synthesis of four voices", "× real time", speed, 1.0, speed, speed, speed, 20.0,
        f"{score.end_seconds:.0f} s of music, one core",
    )  # fmt: skip
