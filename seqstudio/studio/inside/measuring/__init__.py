"""Everything that can be measured on the held-out part, beside what needs no learning."""
