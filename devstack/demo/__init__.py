"""People, rooms and a bot on a platform that runs, to try it with."""
