"""The users that Locust plays. They need its environment; nothing outside of this folder and the locustfile does."""
