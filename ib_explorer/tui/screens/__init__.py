"""Screens on top of the main screen: dialogs, help, the log."""
