"""Chat pods that are broken on purpose: each breaks one promise, and a checker must find it."""
