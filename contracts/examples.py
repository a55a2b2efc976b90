"""Who and what the examples of all documents are about, so that those of several services tell one story.

Secrets end in "…": whoever reads them sees that something is left out.
"""

ALICE_ID = "0197f2bf-11d2-7b3a-bb1c-0f6f4b8e7d21"
BOB_ID = "0197f2bf-2c90-7f44-a6c2-91d7e5a3b604"
ROOM_ID = "0197f2c0-6a3e-7c51-9d0e-3b1f5a7c2e10"
MESSAGE_ID = "0197f2c1-02b4-7e0a-8a53-c4d1e2f30912"
SESSION_ID = "0197f2bf-11f0-7c28-9a10-5d2b7c8e9f01"
OTHER_SESSION_ID = "0197f2bf-5a31-7d44-8b02-6e1c9d0a3b52"
NOW = "2026-01-31T12:00:00.123456Z"
ACCESS_TOKEN = "eyJhbGciOiJFZERTQSIsImtpZCI6…"  # noqa: S105
REFRESH_TOKEN = "fBoFI8CS_BFbIKhJucAq1PqRWNTb…"  # noqa: S105
PASSWORD = "correct horse battery"  # noqa: S105
