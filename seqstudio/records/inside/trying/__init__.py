"""What a person gives a model to try it, and what it makes of it; a module for each kind."""

from __future__ import annotations

from seqstudio.records.inside.trying import (
    ball,
    caption,
    distance,
    forecast,
    picture,
    sentence,
    translation,
)

MODULES = (ball, caption, distance, forecast, picture, sentence, translation)
