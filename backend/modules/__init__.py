"""The application's backend modules."""
