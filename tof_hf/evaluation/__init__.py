"""Entity scores, and whether a difference between two systems is chance."""
