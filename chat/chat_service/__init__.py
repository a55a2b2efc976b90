"""The chat service: rooms, messages and the live connections of their members."""
