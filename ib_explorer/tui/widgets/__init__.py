"""The widgets of the main screen: each shows one aspect of a scene."""
