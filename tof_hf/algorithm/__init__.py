"""Algorithm 1 and its baselines as recipes, and the steps that they are made of."""
