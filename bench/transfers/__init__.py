"""Files sent side by side: Landline and other ways to bring a file to the other end of a connection."""
