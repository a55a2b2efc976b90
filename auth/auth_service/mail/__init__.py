"""Mail: what it says, how it leaves, and a queue in between that survives a mail server that is away."""
