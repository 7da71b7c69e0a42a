"""Another application's database."""
