"""File formats of uncompressed networks."""
