"""A generated bilingual toy world and an encoder trained on it, for the quick start and the tests."""
