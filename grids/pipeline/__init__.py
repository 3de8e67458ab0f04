"""The only place that wires the stages together: what the commands do, and what Python users call."""
