"""A stand-in for Firebase Cloud Messaging: Google's edge alone, for one machine. Nothing leaves it, nobody is notified.

It checks what Google checks (the service account's assertion, the access token, the message's form), remembers what it
was given, and fails when it is told to. Everything up to it is real.
"""
