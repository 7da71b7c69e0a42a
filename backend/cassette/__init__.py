"""Cassettes: an exchange with a vendor as a file that tests replay, recorded or made from a row."""
