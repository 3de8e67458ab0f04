"""What is trained: modules, their optimizers, and the losses of one step."""
