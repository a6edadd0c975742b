"""The command line: data goes to stdout, progress and messages to stderr. Exit codes are defined here.

A command that a signal interrupts exits with 128 and the signal's number (``signals.py``): 130 after Ctrl-C.
"""

DONE, FAILED, WRONG = 0, 1, 2
INTERRUPTED = 130
"""After Ctrl-C."""
