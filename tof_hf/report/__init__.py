"""What a run brought, for people: text tables, and one page with charts and sentences (`tof-hf report`)."""
