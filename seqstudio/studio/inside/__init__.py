"""Looking inside a model: what asks the trainer's process, and the panels that show answers."""
