"""A finished tagger at work: on words, on text, on files."""
