"""Deep Compression without training: pruning, weight sharing, searches for the smallest file within a bound."""
