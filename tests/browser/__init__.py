"""The web client in a real browser, in front of the whole platform."""
