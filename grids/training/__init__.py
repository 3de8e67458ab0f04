"""Training: data made as it is needed, what is trained (systems), and the one loop that trains it."""
