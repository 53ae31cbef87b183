"""Sets of keys that users of other programs know, as differences from the defaults.

Sources: the manuals of Blender (node editor), Houdini (network editor) and Unreal (Blueprints),
and the keymap of the design notes; where they disagree with each other the commoner key is taken.
"""

from __future__ import annotations

from collections.abc import Mapping

Keys = Mapping[str, tuple[str, ...]]

SEQSTUDIO, HOUDINI, BLENDER = "SeqStudio", "Houdini/Unreal", "Blender"

PRESETS: Mapping[str, Keys] = {
    SEQSTUDIO: {},
    HOUDINI: {
        "canvas.add": ("Tab", "Space"),
        "canvas.next": ("Ctrl+Tab",),
        "canvas.previous": ("Ctrl+Shift+Tab",),
        "canvas.tidy": ("L",),
        "canvas.fit": ("H", "Home"),
        "canvas.bypass": ("B", "Ctrl+B"),
        "canvas.frame": ("C", "Ctrl+G"),
    },
    BLENDER: {
        "canvas.add": ("Shift+A", "Space"),
        "canvas.delete": ("X", "Del"),
        "canvas.delete_plainly": ("Shift+X", "Shift+Del"),
        "canvas.cut": (),
        "canvas.duplicate": ("Shift+D", "Ctrl+D"),
        "canvas.mute": ("M", "Ctrl+M"),
        "canvas.frame": ("Ctrl+J",),
        "canvas.composite": ("Ctrl+G",),
        "canvas.select_all": ("A", "Ctrl+A"),
        "canvas.fit": ("Home", "."),
        "canvas.start_wire": ("F", "W"),
    },
}
