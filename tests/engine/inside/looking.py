"""Small subjects for the tests of what looks inside a model."""

from __future__ import annotations

from dataclasses import replace

import torch

from seqstudio.blocks.templates import make
from seqstudio.document.project import Project, project_text
from seqstudio.engine.inside.looker import Looker
from seqstudio.engine.inside.subject import Subject
from seqstudio.records.inside.gates import TextStatesOf
from seqstudio.records.looking import LookAt, Looked, LookFailed

TEXT = "the cat sat on the mat and the dog sat on the log"


def small(template: str, **params: object) -> Project:
    """Return the project of a template with small recurrent layers and these settings."""
    plain = make(template)
    wanted = {"hidden": 12, "width": 16, "heads": 2, **params}
    blocks = {
        block.id: replace(
            block,
            params={**block.params, **{k: v for k, v in wanted.items() if k in block.params}},
        )
        for block in plain.graph
    }
    return replace(plain, graph=replace(plain.graph, blocks={**plain.graph.blocks, **blocks}))


def answers(project: Project, question: object, text: str = TEXT) -> list[Looked | LookFailed]:
    """Ask as a window asks and return everything that was told."""
    looker = Looker()
    looker.wish(LookAt(1, "here", question, project_text(project), "", text=text))
    found = []
    while looker.busy:
        told = looker.advance()
        if told is not None:
            found.append(told)
    return found


def subject(project: Project, text: str = TEXT) -> Subject:
    """Return an untrained model in float64 with larger weights, so that its gates move."""
    looker = Looker()
    looker.wish(LookAt(1, "here", TextStatesOf(4), project_text(project), "", text=text))
    looker.advance()
    (found,) = looker._models.values()
    found.model.double()
    with torch.no_grad():
        for parameter in found.model.parameters():
            parameter.mul_(2.0)
    return replace(found, text=text)


def last(readings: object) -> object:
    """Return the last reading of an answer, which is run to its end."""
    told = None
    with torch.no_grad():
        for reading in readings:  # type: ignore[attr-defined]
            told = told if reading is None else reading
    return told
