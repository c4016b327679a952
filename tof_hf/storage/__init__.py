"""Files that change in one step, cached files known by their hash, and the lock of a folder."""
