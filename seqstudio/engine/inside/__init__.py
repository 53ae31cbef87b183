"""Looking inside a model: every question of `seqstudio.records.inside` and what answers it.

An answer is a generator over a `Subject`. It yields a reading when it has one, a better one may
follow, and None wherever it can be interrupted: training goes on in between.
"""

from __future__ import annotations

from seqstudio.engine.inside import (
    attention,
    cells,
    embedding,
    gates,
    gradients,
    measuring,
    player,
    predictions,
    spectrum,
    surgery,
    trying,
    writing,
)
from seqstudio.engine.inside.subject import Answer

ANSWERS: dict[type, Answer] = {
    **attention.ANSWERS,
    **cells.ANSWERS,
    **embedding.ANSWERS,
    **gradients.ANSWERS,
    **measuring.ANSWERS,
    **player.ANSWERS,
    **predictions.ANSWERS,
    **spectrum.ANSWERS,
    **gates.ANSWERS,
    **surgery.ANSWERS,
    **trying.ANSWERS,
    **writing.ANSWERS,
}
