"""How long the platform under test lets people be online without a socket."""

LEASE_SECONDS = 4.0  # short, so that somebody whose pod was killed is gone in the short form too
GRACE_SECONDS = 20.0  # what it is for everybody: a rolling restart must not need more
NOTICED_SECONDS = 10.0  # for Redis and pods that were away themselves to find out, and to tell
GONE_SECONDS = LEASE_SECONDS + GRACE_SECONDS + NOTICED_SECONDS  # then whoever is gone is offline for everybody
