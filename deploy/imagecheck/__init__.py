"""Builds the image for real, and runs every service in it as a pod would: `python -m deploy.imagecheck`."""
