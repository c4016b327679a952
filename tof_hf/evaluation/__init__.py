"""Entity scores, and significance tests for differences between systems."""
