"""The flow of a call: the retry loop, and the parts of an attempt."""
