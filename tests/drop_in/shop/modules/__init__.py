"""The modules of a shop that does not call models yet."""
