"""The providers: the address, authentication and wires of each one, and what only it does."""
