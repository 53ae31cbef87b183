"""What a run says and is told: frozen messages of numbers and read-only arrays."""
