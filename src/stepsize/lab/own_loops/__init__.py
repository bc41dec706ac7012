"""Training loops of the user's own and commands, each run in a process of its own."""
