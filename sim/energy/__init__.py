"""Energy and area: events, the figures of a technology, checks against the paper, Accelergy's files."""
