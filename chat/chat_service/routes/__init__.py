"""HTTP doors: parse, call, reply; nothing else."""
