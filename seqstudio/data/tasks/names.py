"""Names of four made-up lands, for a first look at what letters tell."""

from __future__ import annotations

import numpy as np

from seqstudio.data.reading.labelled import Labelled

COUNT = 4000
_SEED = 12
_LANDS = {
    "Northern": (("bjor", "sig", "thor", "hal", "ing", "gud", "arn"), ("va", "ri", "mun", "ge"),
                 ("sson", "dal", "berg", "vik", "gaard")),
    "Eastern": (("vla", "pet", "mik", "iva", "gri", "ale", "bor"), ("di", "ko", "ne", "go"),
                ("nov", "ski", "chuk", "rev", "enko")),
    "Southern": (("ma", "gio", "ro", "be", "lu", "sal", "fer"), ("ri", "na", "ca", "ne"),
                 ("tti", "llo", "ndi", "rosa", "vani")),
    "Island": (("ka", "mo", "hi", "na", "ki", "tsu", "ho"), ("ma", "shi", "ra", "ki"),
               ("moto", "hara", "tani", "wa", "saki")),
}  # fmt: skip


def written_names(count: int = COUNT) -> Labelled:
    """Return different names with their land, at most `count`, the same every time."""
    rng = np.random.default_rng(_SEED)
    lands = tuple(_LANDS)
    found: dict[str, str] = {}
    for at in range(count):
        land = lands[at % len(lands)]
        first, middle, last = _LANDS[land]
        inner = "".join(_one(rng, middle) for _ in range(int(rng.integers(0, 4))))
        found.setdefault((_one(rng, first) + inner + _one(rng, last)).capitalize(), land)
    return Labelled(tuple(found), tuple(found.values()))


def _one(rng: np.random.Generator, choices: tuple[str, ...]) -> str:
    return choices[int(rng.integers(len(choices)))]
