"""Opening and listening by address; socket options; OSError into sentences."""
