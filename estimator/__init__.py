"""The science: from text and a model to scores, from scores to information, from joint counts to the bound.

Knows no screen, no cache and no command line. Nothing here imports torch until a module that needs it is imported.
"""

ESTIMATOR_VERSION = "2"
"""Part of every measurement's key: raise it whenever a change moves any number."""
