"""The notification service: tells people on their devices what they miss."""
