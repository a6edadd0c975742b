"""Drawing: measured records to points, points to characters."""
