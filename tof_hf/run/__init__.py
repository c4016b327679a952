"""A run: what it reads, what is checked before it, its plan and its record."""
