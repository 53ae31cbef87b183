"""What is painted on the canvas and where it lies: blocks, wires, frames, overlays, guides."""
