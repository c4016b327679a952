"""Options of a stage chosen on source validation: the paper's learning rates, or a space that optuna goes through."""
