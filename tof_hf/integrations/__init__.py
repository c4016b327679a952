"""Taggers in other tools: spaCy, ONNX, a demo page; each needs the extra of its name."""
