"""An application's modules that call models: each with its own tables, sessions and habits."""
