"""The command line: stdout is data, stderr is narration, and exit codes are 0, 1, 2 and 130."""
