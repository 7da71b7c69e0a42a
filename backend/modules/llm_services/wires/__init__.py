"""Which APIs are spoken, one file each, and what they share."""
