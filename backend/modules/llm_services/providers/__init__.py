"""The providers: for each one its address, authentication, wires and peculiarities."""
