"""Sound output and transport. No Qt, no torch."""
