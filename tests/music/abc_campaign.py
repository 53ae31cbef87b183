"""Mutants of ABC tunes, run by test_abc_mutants.py; prints a report as JSON.

python abc_campaign.py BOOK MUTANTS [EVERY]

EVERY takes only every so many of the crafted tunes and of the tunes as they are.
"""

from __future__ import annotations

import json
import random
import sys
import time
from itertools import chain, islice
from pathlib import Path

from seqstudio.music.abc import read_tune, split_book

SIGNS = "ABCDEFGabcdefgzxXZ^_=,'/0123456789|:[](){}<>-&!\"%+~.\\ \n\r\tKMLQVXTPwI\0ÿ♭"
PIECES = (
    "[V:2]", "[K:Gdor]", "[Q:1/4=9]", "\nP:ABA\n", "\nP:A\n", "\nV:x name=\"y\"\n", "(5:4:5",
    "{/g}", "\"Am7\"", "|:", ":|", "[1", "[2", ":|2", "|]", "Z99", "C999999999", "-", ">>>",
    "[CEG", "[C-E-]", "&", "%%MIDI program 300\n", "\nK:\n", "\nX:2\n", "!", "+", "\nM:0/0\n",
    "\nL:1/0\n", "\nQ:999999\n", "((((", "))))", "[[", "]]", "1-16", "\nw:la\n",
)  # fmt: skip


def crafted():
    """Yield tunes that are made to hurt: one of each repeated until it is long."""
    for piece in (*PIECES, *"CzZ|:[](){}<>-&!\"%+~.\\\n'^_="):
        yield "X:1\nP:A9(B9A9)9\nK:C\nP:A\n" + piece * (10_000 // len(piece))
        yield "X:1\nL:1/4\nK:C\nC" + (piece + "C") * (5_000 // len(piece))
    yield "X:1\nP:" + "(" * 5_000 + "A" + ")9" * 5_000 + "\nK:C\nP:A\n" + "C::::::::::::|" * 500
    yield "X:1\nP:" + "A" * 300 + "\nK:C\nP:A\n|:" + "C|" * 900 + ":" * 15 + "|"
    yield "X:1\nK:C\n" + "".join(f"[V:{n}]C|" for n in range(2_500))
    yield "X:1\nK:C\n" + "".join(f"[Q:1/4={40 + n % 200}]C" for n in range(2_500))


def mutant(text, others, draw):
    """Return a tune with one to eight changes: signs, cuts, doublings, pieces of ABC."""
    for _ in range(draw.choice((1, 1, 1, 2, 4, 8))):
        at = draw.randrange(len(text) + 1)
        kind = draw.randrange(6)
        if kind == 0:
            text = text[:at] + draw.choice(SIGNS) + text[at + 1 :]
        elif kind == 1:
            text = text[:at] + "".join(draw.choices(SIGNS, k=draw.choice((1, 2, 8)))) + text[at:]
        elif kind == 2:
            text = text[:at] + text[at + draw.choice((1, 2, 8, 64)) :]
        elif kind == 3:
            text = (
                text[:at] + text[at : at + draw.choice((4, 32))] * draw.choice((2, 16)) + text[at:]
            )
        elif kind == 4:
            text = text[:at] + draw.choice(PIECES) + text[at:]
        else:
            other = draw.choice(others)
            begin = draw.randrange(len(other))
            text = text[:at] + other[begin : begin + 80] + text[at + 40 :]
    return text


def mutants(tunes, seed=25):
    draw = random.Random(seed)
    while True:
        yield mutant(draw.choice(tunes), tunes, draw)


def check(text):
    """Read a tune; what comes out must lie inside it. Returns whether it has notes."""
    tune = read_tune(text)
    for note in tune.score.notes:
        assert note.source is not None
        assert 0 <= note.source[0] < note.source[1] <= len(text)
        assert note.end <= tune.score.end_beats
    for bar in tune.bars:
        assert bar.start <= tune.score.end_beats
    assert tune.broken or tune.score.notes
    return bool(tune.score.notes)


def run(book, count, every=1):
    tunes = [tune.text for tune in split_book(book.read_text(encoding="utf-8"))]
    hard = list(crafted())[::every]
    whole = tunes[::every]
    parsed = sum(not read_tune(text).broken for text in whole)
    report = {"tunes": len(whole), "parsed": parsed, "tried": 0, "crafted": len(hard)}
    report |= {"read": 0, "crashes": [], "slowest_cpu_s": 0.0, "above_half_a_second": 0}
    for number, text in enumerate(chain(hard, islice(mutants(tunes), count))):
        begin_s = time.process_time()
        try:
            report["read"] += check(text)
        except Exception as error:  # noqa: BLE001 - whatever escapes is the finding
            report["crashes"].append([number, repr(error)[:200], text[:300]])
        took_s = time.process_time() - begin_s
        report["slowest_cpu_s"] = max(report["slowest_cpu_s"], took_s)
        report["above_half_a_second"] += took_s > 0.5
        report["tried"] += 1
    return report


if __name__ == "__main__":
    sys.stdout.write(json.dumps(run(Path(sys.argv[1]), *map(int, sys.argv[2:]))))
