"""The database the backend stands on."""
