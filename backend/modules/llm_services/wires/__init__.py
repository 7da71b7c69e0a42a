"""The APIs that vendors speak, one file each, and what they share."""
