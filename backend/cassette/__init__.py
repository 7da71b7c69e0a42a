"""Exchanges with a vendor as files that a test replays: their format, and what of an exchange may be kept."""
