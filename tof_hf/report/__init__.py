"""One page about a run, with scores, charts and sentences (`tof-hf report`)."""
