"""Where the money went: what the rows of a period add up to."""
