"""Where on the canvas a person is: in the outermost graph, or inside a block of it. No widgets.

Entering a block of the catalogue shows how it works; the document stays as it was until something
inside is changed.
"""

from __future__ import annotations

from seqstudio.blocks.check import Home, Report, check, title_of
from seqstudio.blocks.declaration import DataFacts
from seqstudio.blocks.opening import WithinOpened, open_along, report_at
from seqstudio.core.errors import SeqError
from seqstudio.document.document import Change, Document
from seqstudio.document.edits import Edit
from seqstudio.document.graph import Block, Graph, Path

_UNDOING = ("Undo ", "Redo ")


class Place:
    """The graph in view, and how its edits reach the document.

    Attributes:
        path: Blocks that were entered, outermost first.
    """

    def __init__(self, document: Document) -> None:
        self._document = document
        self.path: Path = ()
        self._facts = DataFacts()
        self._seen: tuple[Graph, Path, DataFacts] | None = None
        self._whole = document.project.graph

    @property
    def whole(self) -> Graph:
        """The outermost graph, with what was entered opened up."""
        if not self.path:
            return self._document.project.graph
        key = (self._document.project.graph, self.path, self._facts)
        seen = self._seen
        if seen is None or seen[0] is not key[0] or seen[1:] != key[1:]:
            try:
                self._whole, self._seen = open_along(*key), key
            except (KeyError, SeqError):  # the way is gone; the editor is about to climb out
                return self._whole
        return self._whole

    @property
    def graph(self) -> Graph:
        """The graph in view."""
        return self.whole.at(self.path)

    @property
    def native(self) -> Block | None:
        """The unopened block of the catalogue that is looked into, the outermost of them."""
        graph: Graph | None = self._document.project.graph
        for key in self.path:
            block = graph.blocks[key] if graph else None
            if block is not None and block.inside is None:
                return block
            graph = block.inside if block else None
        return None

    def checked(self, graph: Graph, facts: DataFacts) -> Report:
        """Return what the check says of a state of the graph in view."""
        self._facts = facts
        found = report_at(check(self.whole.put(self.path, graph), facts), self.path)
        return found or self._unknown()

    def _unknown(self) -> Report:
        """Return the report of a graph that nothing arrives at yet."""
        home: Home = "cell" if self.title_block().kind == "cell" else "group"
        return Report({}, {}, {}, (), "", (), home=home)

    def title_block(self) -> Block:
        """Return the block that was entered last; only where one was."""
        return self.whole.at(self.path[:-1]).blocks[self.path[-1]]

    def titles(self) -> list[str]:
        """Return the names on the way: of the blocks that were entered."""
        ways = (self.path[: depth + 1] for depth in range(len(self.path)))
        return [title_of(self.whole.at(way[:-1]).blocks[way[-1]]) for way in ways]

    def wrapped(self, edit: Edit) -> Edit:
        """Return an edit of the graph in view as one of the document."""
        return WithinOpened(self.path, edit, self._facts) if self.path else edit

    def wrapped_around(self, edit: Edit) -> Edit:
        """Return an edit of the block that was entered, as one of the document."""
        return WithinOpened(self.path, edit, self._facts, around=True)

    def around(self) -> Block | None:
        """Return the block that was entered last, None in the outermost graph."""
        return self.title_block() if self.path else None

    def outermost(self, facts: DataFacts) -> Report:
        """Check the model as it trains, whatever is looked into."""
        return check(self._document.project.graph, facts)

    def refusal(self, path: Path) -> str:
        """Return why a place cannot be entered, or ""."""
        try:
            open_along(self._document.project.graph, path, self._facts).at(path)
        except KeyError:
            return "That block is gone"
        except SeqError as error:
            return error.sentence()
        return ""

    def reachable(self, facts: DataFacts) -> Path:
        """Return how far the way in view goes with these facts about the data."""
        self._facts = facts
        return self._reachable(self.path)

    def _reachable(self, path: Path) -> Path:
        while path and self.refusal(path):
            path = path[:-1]
        return path

    def after(self, change: Change) -> Path:
        """Return where to be after a change: undo leads to what it changed, others stay."""
        path = self.path
        if change.label.startswith(_UNDOING):
            changed = place_of_change(change.before.graph, change.after.graph)
            beside = path[: len(changed)] != changed
            path = changed if beside else _shared(path, change)
        return self._reachable(path)


def _shared(path: Path, change: Change) -> Path:
    """Return the deepest part of a path where a change is to be seen."""
    changed = place_of_change(change.before.graph, change.after.graph)
    if len(path) == len(changed):
        return path
    key = path[len(changed)]
    one = change.before.graph.at(changed).blocks.get(key)
    two = change.after.graph.at(changed).blocks.get(key)
    if one is None or two is None or one == two:
        return changed
    # It became a block of one's own, or is one of the catalogue again.
    return path if one.inside is None or two.inside is None else changed


def place_of_change(before: Graph, after: Graph) -> Path:
    """Return the path of the deepest graph that holds all that changed."""
    path: Path = ()
    while True:
        one, two = before.at(path), after.at(path)
        key = _only_changed(one, two)
        if key is None:
            return path
        path = (*path, key)


def _only_changed(one: Graph, two: Graph) -> str | None:
    """Return the one block whose inside changed, when nothing else did."""
    if list(one.blocks) != list(two.blocks) or one.wires != two.wires:
        return None
    if one.frames != two.frames or one.bends != two.bends:
        return None
    changed = [key for key in one.blocks if one.blocks[key] != two.blocks[key]]
    if len(changed) != 1:
        return None
    old, new = one.blocks[changed[0]], two.blocks[changed[0]]
    if old.inside is None or new.inside is None or old.inside == new.inside:
        return None
    return changed[0]
