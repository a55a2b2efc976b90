"""Load from inside a cluster: Locust's master and workers as Jobs against a release."""
