"""Networks whose features others use: classifiers, under the names of the weights that are published."""
