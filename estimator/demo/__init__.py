"""The demo model: its recipe, and its training (which imports torch)."""
