"""Text to tokens, and tokens to labels."""

READING_VERSION = "2"
"""Part of every sample's key: increase it with every change that makes other tokens of the same corpus.

Measurements are found by the digest of their sample's tokens, so those of unchanged samples remain valid.
"""
