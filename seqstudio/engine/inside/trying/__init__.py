"""A person tries a model: the questions of `seqstudio.records.inside.trying` and their answers."""

from __future__ import annotations

from seqstudio.engine.inside.subject import Answer
from seqstudio.engine.inside.trying import (
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

ANSWERS: dict[type, Answer] = {
    **adding.ANSWERS,
    **ball.ANSWERS,
    **bases.ANSWERS,
    **caption.ANSWERS,
    **distance.ANSWERS,
    **fill_in.ANSWERS,
    **forecast.ANSWERS,
    **hello.ANSWERS,
    **next_token.ANSWERS,
    **picture.ANSWERS,
    **sentence.ANSWERS,
    **sound.ANSWERS,
    **symbols.ANSWERS,
    **tagging.ANSWERS,
    **translation.ANSWERS,
}
