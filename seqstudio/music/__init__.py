"""Scores, ABC, MIDI files, musical measures, the synthesiser. No Qt, no torch."""
