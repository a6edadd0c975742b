"""The estimator: scores and labels to information; its modules import torch."""
