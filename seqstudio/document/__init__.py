"""The project: graph, settings, undoable edits, the file. No Qt, no torch."""
