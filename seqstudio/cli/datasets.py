"""`seqstudio data`: public data sets by name. Only `get` uses the network, for the set named."""

from __future__ import annotations

import shlex
import sys
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from seqstudio.cli.console import print_json, table
from seqstudio.cli.usage import UsageError, no_such
from seqstudio.core.showing import size_words
from seqstudio.data.catalogue import catalogue, data_home
from seqstudio.data.fetching import discard, fetch, is_here, part_size, place_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from seqstudio.data.catalogue import Entry
    from seqstudio.data.fetching import Progress

_STEPS = 10


def data(arguments: Namespace) -> int:
    """List, get, or tell where."""
    home = Path(arguments.to) if arguments.to else data_home()
    if arguments.action == "where":
        print(home)
        return 0
    sets = catalogue(Path(arguments.catalogue) if arguments.catalogue else None)
    if arguments.action == "list":
        return _list(sets, home, as_json=arguments.json)
    if not arguments.name:
        raise UsageError("The set to get is not named", "", "seqstudio data list names them")
    if arguments.name not in sets:
        raise no_such("data set", arguments.name, sets)
    return _get(sets[arguments.name], home, arguments)


def _list(sets: dict[str, Entry], home: Path, *, as_json: bool) -> int:
    if as_json:
        for entry in sets.values():
            print_json(_record(entry, home))
        return 0
    rows: list[tuple[str, ...]] = [
        (each.id, size_words(each.size), "here" if is_here(each, home) else "", each.about)
        for each in sets.values()
    ]
    for line in table(rows):
        print(line)
    return 0


def _record(entry: Entry, home: Path) -> dict[str, object]:
    return {
        "id": entry.id, "title": entry.title, "about": entry.about, "kind": entry.kind,
        "template": entry.template, "size": entry.size, "licence": entry.licence,
        "licence_url": entry.licence_url, "home": entry.home, "citation": entry.citation,
        "here": is_here(entry, home), "path": str(place_of(entry, home)),
    }  # fmt: skip


def _get(entry: Entry, home: Path, arguments: Namespace) -> int:
    if arguments.discard:
        discard(entry, home)
        print(f"{entry.title}: what was unfinished is removed")
        return 0
    if not arguments.json:
        print(f"{entry.title}, {size_words(entry.size)} from {entry.host}")
        print(f"Licence: {entry.licence} {entry.licence_url}")
        print(f"By: {entry.citation}")
        if 0 < (here := part_size(entry, home)) < entry.size:
            print(f"{size_words(here)} are here already")
        sys.stdout.flush()
    path = fetch(entry, home, told=_progress(entry))
    if arguments.json:
        print_json(_record(entry, home))
        return 0
    print(f"SHA-256 is right. It is in {path}")
    print(f"seqstudio new {entry.template} {entry.id}.seq --data {shlex.quote(str(path))}")
    return 0


def _progress(entry: Entry) -> Callable[[Progress], None]:
    """Return what tells of every tenth, on standard error."""
    told = 0

    def tell(progress: Progress) -> None:
        nonlocal told
        tenth = _STEPS * progress.done // entry.size
        if tenth > told:
            told = tenth
            print(f"{100 * tenth // _STEPS} %", file=sys.stderr, flush=True)

    return tell
