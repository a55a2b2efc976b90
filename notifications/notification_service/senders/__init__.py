"""Push services. Each is a `model.Sender`; a device says by its platform which one is its own."""
