"""What ``import ib_explorer`` offers to notebooks and scripts."""
