"""Parts of the inspector about blocks made of blocks: their ports, and what they show outside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QVBoxLayout, QWidget

from seqstudio.blocks import ports
from seqstudio.blocks.check import title_of
from seqstudio.document.graph import Block
from seqstudio.document.param import Param, Value
from seqstudio.studio.widgets import CheckField, IconButton, Label, TextField


def shown_params(block: Block) -> list[Param]:
    """Return the settings in the form of a block; those of blocks inside carry their names."""
    found = []
    for name, param in ports.settings(block).items():
        path, dot, _ = name.rpartition(".")
        if not dot or block.inside is None:
            found.append(param)
            continue
        title = f"{_inner_title(block, path)}: {param.title[:1].lower()}{param.title[1:]}"
        found.append(replace(param, name=name, title=title, live=False))
    return found


def shown_values(block: Block) -> dict[str, Value]:
    """Return the values of the settings in the form of a block, by name."""
    values = dict(block.params)
    for name in ports.settings(block):
        try:
            values[name] = block.value(name)
        except KeyError:  # a setting that the file did not name yet: the default is in force
            continue
    return values


def _inner_title(block: Block, path: str) -> str:
    """Return the name of a block inside, by its ids with dots between."""
    inner = block
    for key in path.split("."):
        if inner.inside is not None:
            inner = inner.inside.blocks[key]
    return title_of(inner)


class PortRows(QWidget):
    """The ports of one side of a block: a name to type, and buttons to move them.

    Args:
        blocks: The port blocks inside, in the order of the ports.
        rename: Called with the id of a port and its new name.
        move: Called with the id of a port and the places to move it.
        parent: Where it stands.
    """

    def __init__(
        self,
        blocks: Sequence[Block],
        rename: Callable[[str, str], None],
        move: Callable[[str, int], None],
        parent: QWidget,
    ) -> None:
        super().__init__(parent)
        self.fields: dict[str, TextField] = {}
        self.movers: dict[tuple[str, int], IconButton] = {}
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(4)
        for row, block in enumerate(blocks):
            name = title_of(block) if block.title else block.id
            field = TextField(name, name=f"Name of port {name}", parent=self)
            field.committed.connect(partial(self._named, rename, block.id))
            grid.addWidget(field, row, 0)
            self.fields[block.id] = field
            for column, (by, icon, words) in enumerate(
                ((-1, "chevron-up", "up"), (1, "chevron-down", "down")), start=1
            ):
                button = IconButton(icon, f"Move port {name} {words}", parent=self)
                button.setEnabled(0 <= row + by < len(blocks))
                button.clicked.connect(partial(move, block.id, by))
                grid.addWidget(button, row, column)
                self.movers[block.id, by] = button

    @staticmethod
    def _named(rename: Callable[[str, str], None], key: str, title: str) -> None:
        rename(key, title.strip())


class Exposing(QWidget):
    """Which settings of a block inside the block around it shows.

    Args:
        params: The settings of the block.
        change: Called with the name of a setting and whether it is shown outside.
        parent: Where it stands.
    """

    def __init__(
        self, params: Sequence[Param], change: Callable[[str, bool], None], parent: QWidget
    ) -> None:
        super().__init__(parent)
        self.boxes: dict[str, CheckField] = {}
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        told = "What is ticked can be set on the block itself, without going inside."
        column.addWidget(Label(told, "small", "textLow", wrap=True, parent=self))
        for param in params:
            box = CheckField(param.title, parent=self)
            box.setAccessibleName(f"Show {param.title} outside")
            box.value_changed.connect(partial(change, param.name))
            column.addWidget(box, 0, Qt.AlignmentFlag.AlignLeft)
            self.boxes[param.name] = box

    def tell(self, shown: set[str]) -> None:
        """Tick the settings that are shown outside."""
        for name, box in self.boxes.items():
            box.set_value(name in shown)
