"""Word-by-word translation of labelled data."""
