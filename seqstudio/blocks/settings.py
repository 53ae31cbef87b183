"""Every setting of a project under one key: "training.batch", "lstm.hidden", "cell.gate.width"."""

from __future__ import annotations

from dataclasses import dataclass

from seqstudio.blocks import ports, swapping
from seqstudio.blocks.catalogue import KINDS
from seqstudio.document.edits import Edit, SetParam, SetSetting
from seqstudio.document.param import Param, Value
from seqstudio.document.project import Project
from seqstudio.document.settings import DataSettings, SamplingSettings, Settings, TrainingSettings

GROUPS: dict[str, type[Settings]] = {
    "data": DataSettings,
    "training": TrainingSettings,
    "sampling": SamplingSettings,
}


@dataclass(frozen=True)
class Place:
    """A setting of a project: group or block id, and its declaration."""

    home: str
    param: Param

    @property
    def key(self) -> str:
        """The full key, such as "lstm.hidden"."""
        return f"{self.home}.{self.param.name}"


def places(project: Project) -> list[Place]:
    """Return every setting of a project."""
    settings = [Place(home, param) for home, group in GROUPS.items() for param in group.PARAMS]
    blocks = [
        Place(".".join((*path, block.id)), param)
        for path, block in project.graph.everything()
        if block.kind in KINDS
        for param in KINDS[block.kind].params
    ]
    return [*settings, *blocks]


def declared(project: Project, key: str) -> Param:
    """Return the declaration of the setting with a full key.

    Raises:
        KeyError: The project has no such setting.
    """
    home, _, name = key.partition(".")
    if home in GROUPS:
        return GROUPS[home].param(name)
    return ports.setting(project.graph.blocks[home], name)


def value_of(project: Project, key: str) -> Value:
    """Return what a setting is now, its default where the file does not name it.

    Raises:
        KeyError: The project has no such setting.
    """
    home, _, name = key.partition(".")
    param = declared(project, key)
    if home in GROUPS:
        value: Value = getattr(getattr(project, home), name)
        return value
    try:
        return project.graph.blocks[home].value(name)
    except KeyError:
        return param.default


def edit_of(project: Project, key: str, value: object) -> Edit:
    """Return the edit that gives a setting another value.

    Raises:
        KeyError: The project has no such setting.
        ParamError: The value is refused.
        GraphError: The memory that is named cannot take the place.
    """
    if key == swapping.KEY:
        return swapping.swap_edit(project, str(value))
    home, _, name = key.partition(".")
    parsed = declared(project, key).parse(value)
    return SetSetting(home, name, parsed) if home in GROUPS else SetParam(home, name, parsed)
