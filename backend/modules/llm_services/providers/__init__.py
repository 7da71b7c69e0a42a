"""The providers, one file of mapping each, on one flow."""
