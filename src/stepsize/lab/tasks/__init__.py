"""Tasks: what is trained, on which data, by which loss."""
