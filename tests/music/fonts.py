"""Small SoundFonts made by code, for tests."""

from __future__ import annotations

import struct

import numpy as np

RATE = 22_050


def sine(hz=440.0, seconds=0.5, level=0.5):
    """16 bit frames of a sine."""
    frames = np.arange(round(seconds * RATE))
    return np.rint(32767 * level * np.sin(2 * np.pi * hz * frames / RATE)).astype("<i2")


def chunk(name, body):
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def generators(settings):
    """(kind, amount) pairs; an amount is a number, or a range of two."""
    packed = b""
    for kind, amount in settings:
        if isinstance(amount, tuple):
            packed += struct.pack("<HBB", kind, *amount)
        else:
            packed += struct.pack("<Hh", kind, amount)
    return packed


class FontMaker:
    """Collects samples, instruments and presets, and packs them."""

    def __init__(self):
        self.sound = np.zeros(0, "<i2")
        self.samples = []
        self.instruments = []
        self.presets = []

    def sample(self, frames, root=69, loop=None, correction=0, rate=RATE, kind=1):
        start = len(self.sound)
        self.sound = np.concatenate([self.sound, frames, np.zeros(46, "<i2")])
        first, last = loop or (0, len(frames))
        place = (start, start + len(frames), start + first, start + last)
        packed = struct.pack("<5I", *place, rate) + struct.pack("<BbHH", root, correction, 0, kind)
        self.samples.append(b"sample".ljust(20, b"\0") + packed)
        return len(self.samples) - 1

    def instrument(self, *zones):
        """Each zone: a list of (kind, amount), the sample (53) last."""
        self.instruments.append(zones)
        return len(self.instruments) - 1

    def preset(self, program, *zones, bank=0, name=b"preset"):
        self.presets.append((program, bank, name, zones))

    def bytes(self):
        phdr, pbag, pgen = self._rows(
            [
                (name.ljust(20, b"\0") + struct.pack("<HH", program, bank), b"\0" * 12, zones)
                for program, bank, name, zones in self.presets
            ],
            (b"EOP".ljust(20, b"\0") + b"\0" * 4, b"\0" * 12),
        )
        inst, ibag, igen = self._rows(
            [(b"instrument".ljust(20, b"\0"), b"", zones) for zones in self.instruments],
            (b"EOI".ljust(20, b"\0"), b""),
        )
        shdr = b"".join(self.samples) + b"EOS".ljust(46, b"\0")
        info = b"INFO" + chunk(b"ifil", struct.pack("<HH", 2, 1)) + chunk(b"INAM", b"test\0\0")
        tables = [(b"phdr", phdr), (b"pbag", pbag), (b"pmod", b"\0" * 10), (b"pgen", pgen)]
        tables += [(b"inst", inst), (b"ibag", ibag), (b"imod", b"\0" * 10), (b"igen", igen)]
        pdta = b"pdta" + b"".join(chunk(*each) for each in [*tables, (b"shdr", shdr)])
        sdta = b"sdta" + chunk(b"smpl", self.sound.tobytes())
        lists = b"".join(chunk(b"LIST", each) for each in (info, sdta, pdta))
        return b"RIFF" + struct.pack("<I", len(lists) + 4) + b"sfbk" + lists

    @staticmethod
    def _rows(rows, last):
        heads, bags, settings, zone_count = b"", b"", b"", 0
        for head, rest, zones in rows:
            heads += head + struct.pack("<H", zone_count) + rest
            for zone in zones:
                bags += struct.pack("<HH", len(settings) // 4, 0)
                settings += generators(zone)
                zone_count += 1
        heads += last[0] + struct.pack("<H", zone_count) + last[1]
        bags += struct.pack("<HH", len(settings) // 4, 0)
        return heads, bags, settings + b"\0" * 4


def small_font():
    """A looped sine as program 0 over all keys, and a drum on key 36 of bank 128."""
    maker = FontMaker()
    period = RATE / 441.0
    tone = maker.sample(sine(441.0), loop=(round(20 * period), round(120 * period)), root=69)
    click = maker.sample(sine(80.0, 0.1), root=36)
    held = maker.instrument([(54, 1), (53, tone)])
    struck = maker.instrument([(43, (36, 36)), (53, click)])
    maker.preset(0, [(41, held)], name=b"Sine")
    maker.preset(0, [(41, struck)], bank=128, name=b"Drum")
    return maker
