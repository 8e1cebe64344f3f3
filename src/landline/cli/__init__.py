"""The command `landline`."""
