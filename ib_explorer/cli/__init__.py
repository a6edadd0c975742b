"""The command line: data goes to stdout, progress and messages to stderr. Exit codes are defined here."""

DONE, FAILED, WRONG, INTERRUPTED = 0, 1, 2, 130
