"""Load tests: people who use the platform from outside by Locust, and check what they are told."""
