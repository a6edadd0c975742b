"""The actions of the keys by group, each a class that the application is composed of."""
