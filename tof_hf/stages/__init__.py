"""Four kinds of training (MLM, MRC, NER, distillation), each one stock `Trainer` run from checkpoint to checkpoint."""
