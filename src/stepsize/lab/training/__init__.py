"""Training one network, or several as one: the loop, its samples, its checkpoints."""
