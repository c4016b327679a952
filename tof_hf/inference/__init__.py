"""Taggers applied to words, texts and files."""
