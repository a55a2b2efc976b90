"""What services say to each other: events, topics, channels and keys, by name and version. No I/O."""
