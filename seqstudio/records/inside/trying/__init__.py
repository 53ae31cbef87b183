"""What a person gives a model to try it, and what it makes of it; a module for each kind."""

from __future__ import annotations

from seqstudio.records.inside.trying import (
    adding,
    ball,
    bases,
    caption,
    distance,
    fill_in,
    forecast,
    hello,
    next_token,
    picture,
    sentence,
    sound,
    symbols,
    tagging,
    translation,
)

MODULES = (
    adding,
    ball,
    bases,
    caption,
    distance,
    fill_in,
    forecast,
    hello,
    next_token,
    picture,
    sentence,
    sound,
    symbols,
    tagging,
    translation,
)
