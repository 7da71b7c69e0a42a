"""The modules of a shop, which existed before it called any model."""
