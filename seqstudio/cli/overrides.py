"""`--set KEY=VALUE`: which setting a key means, in the data, the training or a block."""

from __future__ import annotations

from collections.abc import Iterable

from seqstudio.blocks.settings import GROUPS, Place, edit_of, places
from seqstudio.cli.usage import UsageError, no_such
from seqstudio.document.project import Project


def with_settings(project: Project, pairs: Iterable[str]) -> Project:
    """Return the project with every "KEY=VALUE" put into force, in order.

    Keys are `data.NAME`, `training.NAME`, `sampling.NAME`, `BLOCK.NAME` with a block's id (or
    `BLOCK.INNER.NAME`), or the bare NAME where only one of them has it; a setting of the project
    goes before those of its blocks.

    Raises:
        UsageError: No "=", no such key, or a bare name that several places have.
        ParamError: The value is refused.
    """
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise UsageError(f"--set {pair} has no value", "", "Write it as KEY=VALUE")
        project = with_setting(project, key.strip(), value)
    return project


def with_setting(project: Project, key: str, value: object) -> Project:
    """Return the project with one setting changed; see `with_settings`."""
    return edit_of(project, find(project, key).key, value).apply(project)


def find(project: Project, key: str) -> Place:
    """Return the setting that a key means.

    Raises:
        UsageError: There is none, or there are several.
    """
    known = places(project)
    found = [place for place in known if key in {place.key, place.param.name}]
    common = [place for place in found if place.home in GROUPS]
    if len(found) == 1 or len(common) == 1:  # a bare name means the project before its blocks
        return (common or found)[0]
    if not found:
        raise no_such("setting", key, _nearby(known, key))
    keys = ", ".join(place.key for place in found)
    raise UsageError(f"{key} could be several settings", "", f"Choose one of: {keys}")


def _nearby(known: list[Place], key: str) -> list[str]:
    """Return the keys to choose from: those of the block or group named, else all."""
    home = key.partition(".")[0]
    same = [place.key for place in known if "." in key and place.home == home]
    return same or [name for place in known for name in (place.key, place.param.name)]
