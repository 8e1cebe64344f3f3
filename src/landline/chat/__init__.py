"""Chat: rooms, direct messages, presence and history; from nc, a terminal, a browser, or a program, on one port."""
