"""The science: text and a model to scores, scores to information, joint counts to the bound.

Independent of the screen, the cache and the command line. torch is imported only by the modules that need it.
"""

ESTIMATOR_VERSION = "3"
"""Part of every measurement's key: increase it with every change that alters a number."""
SCORES_VERSION = "2"
"""Part of the key of scores: increase it with every change that alters one, so that models run again."""
