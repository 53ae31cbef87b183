"""Keys of the studio: actions as data, and the one `Keymap` that says which keys run them.

    Action("canvas.duplicate", "Duplicate", "Edit", ("Ctrl+D",), "canvas", blocks=1)
    keymap().keys("canvas.duplicate")      # in force: ("Ctrl+D",) or what the person chose
    keymap().text("canvas.duplicate")      # as this system writes it, for menus and tool tips
    follow_keys(widget)                    # widget.rekey() now and after every change

Whoever owns actions declares them in a table (`ACTIONS` of `canvas.keyboard`, of `menus`) and
looks keys up here, never in literals. The innermost context wins: on the canvas, its keys come
first.
"""

from seqstudio.studio.keys.action import Action, Context, caps, key_text, pressed
from seqstudio.studio.keys.keymap import Keymap, follow_keys, keymap, takes

__all__ = [
    "Action",
    "Context",
    "Keymap",
    "caps",
    "follow_keys",
    "key_text",
    "keymap",
    "pressed",
    "takes",
]
