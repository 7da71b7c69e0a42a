"""Cassettes: the exchange with a vendor as a file that a test replays, recorded or made of a row."""
