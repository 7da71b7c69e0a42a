"""An application's modules that ask models: each with tables, sessions and habits of its own."""
