"""The wish to look inside a model, and what was seen. Frozen, without torch or Qt.

A panel asks a question, a record of `seqstudio.records.inside`; the trainer's process answers with
a reading, another record of it. Answers are no part of a run: no record keeps them, since the
weights that a run keeps can be asked again.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LookAt:
    """Ask about a model.

    Attributes:
        request: Number that the answer carries.
        view: Who asks; a newer wish of the same view replaces the older one.
        question: A record of `seqstudio.records.inside`.
        project: Text of the project file that the model was built from.
        base: Folder that relative data paths start from, or "".
        folder: Folder of the run whose weights are meant, "" for untrained ones.
        step: Take the weights that were kept at this training step or before; -1 takes the newest,
            those of the trainer while it trains this run. 0 is before the first step.
        text: Text to read, "" for the start of the held-out part.
    """

    request: int
    view: str
    question: object
    project: str
    base: str
    folder: str = ""
    step: int = -1
    text: str = ""


@dataclass(frozen=True)
class Looked:
    """What was seen.

    Attributes:
        request: Number of the wish.
        view: Who asked.
        reading: A record of `seqstudio.records.inside`.
        step: Training step of the weights, 0 for untrained ones.
        weights: The same in words: "untrained weights, seed 0" or "step 1,250".
        cost_s: Seconds that it took so far.
        done: False while a better answer follows.
    """

    request: int
    view: str
    reading: object
    step: int
    weights: str
    cost_s: float
    done: bool = True


@dataclass(frozen=True)
class LookFailed:
    """Why there is nothing to see.

    Attributes:
        request: Number of the wish.
        view: Who asked.
        what: What is missing.
        why: The cause.
        hint: What to do.
    """

    request: int
    view: str
    what: str
    why: str
    hint: str
