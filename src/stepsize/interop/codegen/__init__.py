"""A schedule as the source of a function: terms, clocks, cases, the translation of each class, and the printing."""
