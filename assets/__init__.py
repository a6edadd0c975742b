"""Data that the application reads through importlib.resources: no code lives here."""
