"""The tables of the paper from one run file: rows with many seeds, shared stages trained once."""
