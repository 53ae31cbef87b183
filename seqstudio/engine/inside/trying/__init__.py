"""A person tries a model: the questions of `seqstudio.records.inside.trying` and their answers."""

from __future__ import annotations

from seqstudio.engine.inside.subject import Answer
from seqstudio.engine.inside.trying import (
    ball,
    caption,
    distance,
    forecast,
    picture,
    sentence,
    translation,
)

ANSWERS: dict[type, Answer] = {
    **ball.ANSWERS,
    **caption.ANSWERS,
    **distance.ANSWERS,
    **forecast.ANSWERS,
    **picture.ANSWERS,
    **sentence.ANSWERS,
    **translation.ANSWERS,
}
