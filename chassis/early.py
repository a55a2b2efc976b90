"""The end of a process that has hardly begun.

The first process of a container ignores signals that nobody handles, and importing a service takes a second: a pod that
is stopped meanwhile would be killed when its whole grace period is over. This module imports nothing that takes time.
"""

import os
import signal

TERMINATED = 128 + signal.SIGTERM  # what a shell says of a process that SIGTERM has ended


def end_on_sigterm() -> None:
    """End at once with SIGTERM, until something else handles it. Call it before anything else is imported."""
    signal.signal(signal.SIGTERM, lambda *_: os._exit(TERMINATED))
