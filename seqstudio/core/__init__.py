"""What every package may use: typed errors, events, safe files. Imports nothing of ours."""
