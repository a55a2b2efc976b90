"""Live delivery: the sockets of one pod and what they are told."""
