"""A model's hidden states, as cosines to anchors; its modules import torch."""
