"""Templates: whole projects that work, each with data, settings and what to look at.

One file a family; `sketch` draws their graphs, `template` says what a template is.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from seqstudio.blocks.templates import (
    cells,
    clips,
    counting,
    language,
    memory,
    music,
    pairs,
    pictures,
    sentences,
    series,
    translation,
    wordwise,
)
from seqstudio.blocks.templates.template import Template
from seqstudio.core.errors import ProjectError
from seqstudio.document.project import Project

_FAMILIES = (
    language,
    wordwise,
    cells,
    music,
    sentences,
    pairs,
    translation,
    memory,
    counting,
    series,
    pictures,
    clips,
)

TEMPLATES: Mapping[str, Template] = MappingProxyType(
    {template.id: template for family in _FAMILIES for template in family.TEMPLATES}
)
FIRST = "char-lstm"


def make(template_id: str, data_path: str = "") -> Project:
    """Build the project of a template, on the person's own data when a path is given.

    Raises:
        ProjectError: There is no such template, or it takes no file.
    """
    template = TEMPLATES.get(template_id)
    if template is None:
        raise ProjectError(
            f"There is no template {template_id!r}", "", "Choose one of: " + ", ".join(TEMPLATES)
        )
    return template.project(data_path)


__all__ = ["FIRST", "TEMPLATES", "Template", "make"]
