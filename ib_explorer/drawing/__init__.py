"""Pictures: records to points, points to characters."""
