"""What gates keep and for how long; the path of the state."""
