"""Little languages that take a memory of a kind: parity, brackets, counting."""

from __future__ import annotations

from seqstudio.blocks.templates.memory import FAMILY, class_per_step
from seqstudio.blocks.templates.template import ONCE, Template

TEMPLATES = (
    Template(
        id="parity-rnn",
        title="Parity",
        task="odd or even so far",
        sentence="Is the number of ones so far odd? A single unit can remember that.",
        look="It learns nothing for a while, then everything at once.",
        minutes=1,
        icon="flag",
        family=FAMILY,
        draw=lambda: class_per_step("rnn", {"hidden": 32, "init": "orthogonal"}),
        data={"kind": "parity", "length": 12},
        training={**ONCE, "learning_rate": 3e-3, "batch": 64, "minutes": 2.0},
    ),
    Template(
        id="brackets-lstm",
        title="Brackets",
        task="the open bracket at every step",
        sentence="An LSTM says which bracket has to be closed next: it keeps a stack.",
        look="Look for cells that stay while a bracket is open.",
        minutes=1,
        icon="text",
        family=FAMILY,
        draw=lambda: class_per_step("lstm", {"hidden": 64}),
        data={"kind": "brackets", "length": 40},
        training={**ONCE, "learning_rate": 4e-3, "batch": 64, "minutes": 2.0},
    ),
    Template(
        id="anbn-lstm",
        title="Counting: aⁿbⁿ",
        task="the end after as many b",
        sentence="As many b as there were a: an LSTM counts up and down again in a cell.",
        look="Look at Distance: how far beyond the trained lengths does it count?",
        minutes=1,
        icon="text",
        family=FAMILY,
        draw=lambda: class_per_step("lstm", {"hidden": 16}),
        data={"kind": "anbn", "length": 40},
        training={**ONCE, "learning_rate": 5e-3, "batch": 64, "minutes": 2.0},
    ),
)
