"""The modules of another application."""
