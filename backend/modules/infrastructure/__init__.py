"""The database of the backend."""
