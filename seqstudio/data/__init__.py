"""Corpora and tasks: what a model reads and has to predict. No Qt, no torch."""
