"""Checkpoints of a model: their names, training order and files."""
