"""What opens over the main screen: dialogs, help, the log."""
