"""The three kinds of training of the paper, each one stock `Trainer` run from checkpoint to checkpoint."""
