"""Socket.IO onto the same hub: python-socketio speaks to the client, and behind it is a session like any other."""
