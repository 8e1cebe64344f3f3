"""The chat in a terminal: rooms, members, scroll-back, all by keys. Built with Textual, which is imported only here."""
