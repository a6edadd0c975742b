"""The application: command line, screen, worker process."""

__version__ = "0.1.0"
