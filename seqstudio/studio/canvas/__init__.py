"""The node canvas: a view of a document's graph on which everything can be done by hand and key.

    view = CanvasView(document)
    view.set_facts(facts)                # what shapes depend on
    view.selection_changed.connect(...)  # tuple of block ids
    view.opened.connect(...)             # id of a block: double click or Enter

`editor` changes the document, `scene` mirrors it in items, `gestures` are the ways to drag,
`keyboard` the keys, `menus` the search menus, `overlay` what stands still above the canvas.
"""

from seqstudio.studio.canvas.hands.menus import AddBlockMenu
from seqstudio.studio.canvas.view import BLOCK_MIME, CanvasView

__all__ = ["BLOCK_MIME", "AddBlockMenu", "CanvasView"]
