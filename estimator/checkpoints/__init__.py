"""Which checkpoints a model has, in which order, and where their files are."""
