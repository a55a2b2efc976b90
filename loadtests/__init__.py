"""Load on a running Parley: what it costs, and how much it takes."""
