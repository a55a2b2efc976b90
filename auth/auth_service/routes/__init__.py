"""The HTTP doors: each parses, makes one call, replies."""
