"""Files on disk: changed in one step, and never those of the user."""
