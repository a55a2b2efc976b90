"""The profile service: who users say they are, what they prefer, and how they are found."""
