"""Panels: live views of the run in sight, each a `Panel` on a `Session`."""
