"""Keys that belong to a control and work while it has the focus; the sheet tells them."""

from __future__ import annotations

from PySide6.QtGui import QKeySequence

from seqstudio.studio.keys.action import Action, Context, Key

_K = QKeySequence.StandardKey


def _all(context: Context, group: str, *rows: tuple[str, str, tuple[Key, ...]]) -> list[Action]:
    return [
        Action(f"{context}.{name}", words, group, keys, context, fixed=True)
        for name, words, keys in rows
    ]


LOCAL_ACTIONS = (
    *_all("field", "Text and number fields",
          ("copy", "Copy", (_K.Copy,)),
          ("cut", "Cut", (_K.Cut,)),
          ("paste", "Paste", (_K.Paste,)),
          ("all", "Select all", (_K.SelectAll,)),
          ("undo", "Undo typing", (_K.Undo,)),
          ("up", "Number one step up", ("Up",)),
          ("down", "Number one step down", ("Down",)),
          ("far_up", "Number ten steps up", ("Shift+Up",)),
          ("far_down", "Number ten steps down", ("Shift+Down",)),
          ("leave", "Leave typing, clear a search", ("Esc",)),
          ("next", "Next field", ("Tab",)),
          ("previous", "Field before", ("Shift+Tab",))),
    *_all("chart", "Charts and maps",
          ("left", "Move the view or cell left", ("Left",)),
          ("right", "Move the view or cell right", ("Right",)),
          ("up", "Move the view or cell up", ("Up",)),
          ("down", "Move the view or cell down", ("Down",)),
          ("zoom_in", "Zoom in", ("+",)),
          ("zoom_out", "Zoom out", ("-",)),
          ("zoom_up", "Zoom the values in", ("Ctrl++",)),
          ("zoom_down", "Zoom the values out", ("Ctrl+-",)),
          ("all", "Show everything", ("Home",)),
          ("mark", "Move the marked value", ("Alt+Left", "Alt+Right")),
          ("how", "How is this computed", ("?",))),
    *_all("steps", "Step by step",
          ("play", "Play or pause", ("Space",)),
          ("on", "One step on in the play", ("Right",)),
          ("back", "One step back in the play", ("Left",)),
          ("start", "To the first time step", ("Home",)),
          ("end", "To the end of the play", ("End",)),
          ("line", "Next line of the formula", ("Down",)),
          ("line_before", "Line of the formula before", ("Up",))),
    *_all("roll", "Piano roll",
          ("play", "Play or pause", ("Space",)),
          ("loop", "Loop", ("L",)),
          ("back", "One bar back", ("Left",)),
          ("on", "One bar on", ("Right",)),
          ("start", "To the start", ("Home",)),
          ("end", "To the end", ("End",)),
          ("zoom_in", "Zoom in", ("+",)),
          ("zoom_out", "Zoom out", ("-",))),
    *_all("runs", "Table of runs",
          ("open", "Show the run", ("Return",)),
          ("compare", "Compare the run", ("Space",))),
)  # fmt: skip
