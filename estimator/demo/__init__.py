"""The demo's model: its recipe, and its training (which imports torch)."""
