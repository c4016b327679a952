"""The tables of the paper from one run file: rows with many seeds, common stages once, beside published numbers."""
