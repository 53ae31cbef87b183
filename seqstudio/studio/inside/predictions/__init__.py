"""What the model expected at every token, by layer, and several tokens on."""
