"""Text to tokens, and tokens to labels."""
