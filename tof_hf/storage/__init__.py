"""Files that change in one step, typed records, cached files, folders that a run owns, and their lock."""
