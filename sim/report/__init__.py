"""The page that `eie report` writes."""
