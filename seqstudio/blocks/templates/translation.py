"""Translation: the pairs of sequences of `pairs`, with sentences."""

from __future__ import annotations

from seqstudio.blocks.templates.pairs import additive, fixed_vector, stacks
from seqstudio.blocks.templates.template import Settings, Template
from seqstudio.document.graph import Graph

_FAMILY = "Sequence to sequence"
_DROPOUT = 0.2
_DATA: Settings = {"kind": "pairs", "length": 30}
_TRAINING: Settings = {
    "carry": False,
    "learning_rate": 2e-3,
    "batch": 64,
    "weight_decay": 0.05,
    "minutes": 4.0,
}


def _one_vector() -> Graph:
    return fixed_vector(96, 128, _DROPOUT)


def _attention() -> Graph:
    return additive(96, 128, _DROPOUT)


def _transformer() -> Graph:
    return stacks(96, _DROPOUT)


TEMPLATES = (
    Template(
        id="translate-seq2seq",
        title="Translate through one vector",
        task="translate sentences",
        sentence="An encoder LSTM squeezes a sentence into one vector; a decoder translates it.",
        look="Try a long sentence: its beginning is right, its end is made up.",
        minutes=3,
        icon="text",
        family=_FAMILY,
        draw=_one_vector,
        data=_DATA,
        training=_TRAINING,
    ),
    Template(
        id="translate-attention",
        title="Translate with attention",
        task="translate sentences",
        sentence="Before every word the decoder asks all states of the encoder.",
        look="Try “the european economic area”: the alignment runs backwards there.",
        minutes=3,
        icon="attention",
        family=_FAMILY,
        draw=_attention,
        data=_DATA,
        training=_TRAINING,
    ),
    Template(
        id="translate-transformer",
        title="Translate with a transformer",
        task="translate sentences",
        sentence="Encoder and decoder stacks with cross-attention, no recurrence.",
        look="Choose a head of the decoder and see which source words it takes.",
        minutes=3,
        icon="attention",
        family=_FAMILY,
        draw=_transformer,
        data=_DATA,
        training={**_TRAINING, "learning_rate": 1.5e-3, "beta2": 0.98},
    ),
)
