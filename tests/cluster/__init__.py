"""The chart on a real cluster: `python -m tests.cluster`."""
