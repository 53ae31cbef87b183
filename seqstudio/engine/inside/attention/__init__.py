"""Attention, asked for: weights of every head, their products, rollout, and surgery on heads."""

from __future__ import annotations

from seqstudio.engine.inside.attention import maps, products, rollout, surgery
from seqstudio.engine.inside.subject import Answer

ANSWERS: dict[type, Answer] = {
    **maps.ANSWERS,
    **products.ANSWERS,
    **rollout.ANSWERS,
    **surgery.ANSWERS,
}
