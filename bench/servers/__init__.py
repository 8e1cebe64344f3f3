"""The servers measured: each upper-cases messages, on a port of the system's choice, in its library's own way."""
