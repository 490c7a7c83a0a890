"""Data to learn from: published corpora in a local folder, and the synthetic world as tensors."""
