"""Many runs: the tables of the paper, and the search for options."""
