"""Mutants of MIDI files, run by test_midi_mutants.py; prints a report as JSON.

python midi_campaign.py DATA_FOLDER MUTANTS [EVERY]

EVERY takes only every so many of the crafted files.
"""

from __future__ import annotations

import json
import random
import resource
import sys
import time
from itertools import chain, islice
from pathlib import Path

from seqstudio.core.errors import MusicError
from seqstudio.music.midi import LONGEST_S, midi_bytes, open_midi

WHOLE_FILES_UP_TO = 12_000
"""Larger files are cut to their first tracks, so that the number of mutants is what counts."""


def chunk(name, body):
    return name + len(body).to_bytes(4, "big") + body


def file_of(*tracks, form=1, division=480):
    header = b"".join(n.to_bytes(2, "big") for n in (form, len(tracks) & 0xFFFF, division))
    return chunk(b"MThd", header) + b"".join(chunk(b"MTrk", track) for track in tracks)


NOTE = b"\x00\x90\x3c\x40\x83\x60\x80\x3c\x40"
END = b"\x00\xff\x2f\x00"


def tempo(micros, delta=b"\x00"):
    return delta + b"\xff\x51\x03" + micros.to_bytes(3, "big")


def crafted():
    """Yield files that are made to hurt."""
    yield from (file_of(NOTE + END, division=n) for n in (0, 1, 0x7FFF, 0x8000, 0xE728, 0xFFFF))
    yield from (file_of(tempo(n) + NOTE + END) for n in (0, 1, 0xFFFFFF))
    far = b"\xff\xff\xff\x7f"
    yield file_of((far + NOTE[1:]) * 2_000 + END)
    yield file_of((far + NOTE[1:]) * 2_000 + END, division=0x7FFF)
    yield file_of(tempo(1) + (far + NOTE[1:]) * 2_000 + END, division=0x7FFF)
    yield file_of(tempo(0xFFFFFF) + far + NOTE[1:] + END, division=1)
    yield file_of(b"\xff" * 200_000)
    yield file_of(b"\x00" * 200_000)
    yield file_of(b"\x80" * 200_000 + NOTE + END)
    yield file_of(b"\x00\x90\x80\x40" + NOTE + END)  # note 128
    yield file_of(*[END] * 65_535)
    yield file_of(*[NOTE + END] * 20_000)
    yield file_of(*[NOTE] * 5_000, form=2)
    yield file_of(b"".join(b"\x01\xc0" + bytes([n & 127]) + NOTE for n in range(10_000)))
    yield file_of(b"".join(tempo(500_000 + n, b"\x01") for n in range(50_000)) + NOTE + END)
    yield file_of(b"\x00\xff\x58\x04\x01\x06\x18\x08" + far + NOTE[1:] + END, division=0x7FFF)
    yield file_of(b"\x00\xb0\x40\x7f" + NOTE * 20_000 + END)
    yield file_of(b"\x00\xb0\x40\x7f\x01\xb0\x40\x00" * 20_000 + NOTE * 10_000 + END)
    yield file_of(b"\x00\x90\x3c\x40" + b"\x00\x3c\x40" * 40_000 + b"\x00\x3c\x00" * 40_000)
    yield file_of(b"\x00\x90\x3c\x40" + b"\x01\x3c\x00\x01\x3c\x40" * 140_000)
    yield file_of(b"\x00\xf0\xff\xff\xff\x7f" + NOTE + END)
    yield file_of(b"\x00\xff\x03\xff\xff\xff\x7f" + NOTE + END)
    yield b"MThd" * 100_000
    yield b"MThd\x00\x00\x00\x06\x00\x01\x00\x01\x01\xe0" + b"MTrk" * 100_000
    yield b"MThd\xff\xff\xff\xff\x00\x01\x00\x01\x01\xe0MTrk\xff\xff\xff\xff" + NOTE
    yield b"MThd\x00\x00\x00\x06\x00\x01\x00\x01\x01\xe0" + b"abcd\x00\x00\x00\x00" * 100_000
    yield b"\x00" * 1_000_000


def mutant(data, others, draw):
    """Return a file with one to eight changes: bits, bytes, runs, numbers, pieces of others."""
    changed = bytearray(data)
    for _ in range(draw.choice((1, 1, 1, 2, 4, 8))):
        at = draw.randrange(len(changed) + 1)
        kind = draw.randrange(7)
        if kind == 0 and at < len(changed):
            changed[at] ^= 1 << draw.randrange(8)
        elif kind == 1 and at < len(changed):
            changed[at] = draw.choice((0, 1, 0x7F, 0x80, 0xF0, 0xF7, 0xFF, draw.randrange(256)))
        elif kind == 2:
            del changed[at : at + draw.choice((1, 2, 4, 64))]
        elif kind == 3:
            changed[at:at] = draw.randbytes(draw.choice((1, 2, 4, 16)))
        elif kind == 4:
            changed[at:at] = changed[at : at + draw.choice((4, 32, 256))] * draw.choice((1, 8))
        elif kind == 5:
            other = draw.choice(others)
            begin = draw.randrange(len(other))
            changed[at : at + 32] = other[begin : begin + 64]
        elif draw.random() < 0.1:
            del changed[at:]
        else:  # a number of a length field or a delta
            changed[at : at + 4] = draw.choice((b"\xff\xff\xff\x7f", b"\xff" * 4, b"\0" * 4))
    return bytes(changed)


def mutants(files, seed=24):
    draw = random.Random(seed)
    whole = [data[:WHOLE_FILES_UP_TO] for data in files if data]
    while True:
        yield mutant(draw.choice(whole), whole, draw)


def check(data):
    """Read a file; what is read must be playable and writable. Returns whether it was read."""
    try:
        score = open_midi(data).score
    except MusicError as error:
        if not error.what:
            raise
        return False
    assert 0 <= score.end_seconds <= LONGEST_S + 1
    assert {note.voice for note in score.notes} == {track.voice for track in score.tracks}
    return True


def peak_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run(folder, count, every=1):
    files = [path.read_bytes() for path in sorted(folder.glob("midi_*/**/*.mid"))]
    hard = list(crafted())[::every]
    check(file_of(NOTE + END))
    midi_bytes(open_midi(file_of(NOTE + END)).score)
    before_mb = peak_mb()
    report = {"tried": 0, "crafted": len(hard), "read": 0, "escapes": [], "too_long": []}
    slowest_s = 0.0
    for number, data in enumerate(chain(hard, islice(mutants(files), count))):
        begin_s = time.process_time()
        try:
            report["read"] += check(data)
        except Exception as error:  # noqa: BLE001 - whatever escapes is the finding
            report["escapes"].append([number, repr(error)[:200]])
        took_s = time.process_time() - begin_s
        slowest_s = max(slowest_s, took_s)
        if took_s > 10.0:
            report["too_long"].append([number, took_s])
        report["tried"] += 1
    report |= {"slowest_cpu_s": slowest_s, "grown_mb": peak_mb() - before_mb}
    return report


if __name__ == "__main__":
    sys.stdout.write(json.dumps(run(Path(sys.argv[1]), *map(int, sys.argv[2:]))))
