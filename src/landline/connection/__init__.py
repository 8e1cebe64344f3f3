"""A framing on a transport: connections that send and receive messages."""
