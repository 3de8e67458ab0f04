"""How alike degradations are: patches, their features, a distribution for each degradation, and the matrix S."""
