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
          ("loop_selection", "Loop what is selected", ("Shift+L",)),
          ("back", "One bar back", ("Left",)),
          ("on", "One bar on", ("Right",)),
          ("start", "To the start", ("Home",)),
          ("end", "To the end", ("End",)),
          ("zoom_in", "Zoom in", ("+", "=")),
          ("zoom_out", "Zoom out", ("-",)),
          ("zoom_up", "Higher rows", ("Ctrl++", "Ctrl+=")),
          ("zoom_down", "Lower rows", ("Ctrl+-",)),
          ("fit", "Show everything", ("F",))),
    *_all("roll", "Piano roll: notes",
          ("select_tool", "Select", ("1",)),
          ("draw_tool", "Draw", ("2",)),
          ("insert", "Draw a note at the playhead", ("Return", "Enter")),
          ("next", "Select the next note", (".",)),
          ("previous", "Select the note before", (",",)),
          ("next_too", "The next note too", ("Alt+.",)),
          ("previous_too", "The note before too", ("Alt+,",)),
          ("all", "Select all notes", (_K.SelectAll,)),
          ("none", "Select nothing", ("Esc",)),
          ("up", "Semitone up", ("Up",)),
          ("down", "Semitone down", ("Down",)),
          ("octave_up", "Octave up", ("Shift+Up",)),
          ("octave_down", "Octave down", ("Shift+Down",)),
          ("later", "One step of the grid later", ("Ctrl+Right",)),
          ("earlier", "One step of the grid earlier", ("Ctrl+Left",)),
          ("longer", "One step of the grid longer", ("Shift+Right",)),
          ("shorter", "One step of the grid shorter", ("Shift+Left",)),
          ("louder", "Louder", ("Alt+Up",)),
          ("softer", "Softer", ("Alt+Down",)),
          ("quantise", "Quantise", ("Q",)),
          ("lane", "Velocity or probability below", ("V",)),
          ("copy", "Copy notes", (_K.Copy,)),
          ("cut", "Cut notes", (_K.Cut,)),
          ("paste", "Paste at the playhead", (_K.Paste,)),
          ("duplicate", "Duplicate notes", ("Ctrl+D",)),
          ("delete", "Delete notes", ("Del", "Backspace")),
          ("undo", "Undo the last edit of the tune", (_K.Undo,)),
          ("redo", "Redo it", ("Ctrl+Shift+Z", "Ctrl+Y"))),
    *_all("runs", "Table of runs",
          ("open", "Show the run", ("Return",)),
          ("compare", "Compare the run", ("Space",))),
)  # fmt: skip
