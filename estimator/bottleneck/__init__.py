"""The Information Bottleneck bound of a sample's labels."""
