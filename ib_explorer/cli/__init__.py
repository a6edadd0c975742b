"""The command line: stdout is data, stderr is narration, and these are the exit codes."""

DONE, FAILED, WRONG, INTERRUPTED = 0, 1, 2, 130
