"""The release of a run: the published tagger with its card and record, and the data sets made on the way."""
