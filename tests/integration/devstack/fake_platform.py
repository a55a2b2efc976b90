"""`python -m devstack` with two services that are none, in place of the real ones.

    python fake_platform.py [--durable] [--missing WHEEL] [MANNER]

Without --durable no disk is waited for. MANNER is that of the inner service, see fake_service.py.
"""

import sys
from pathlib import Path

from devstack.cli import main
from devstack.services import BACK, GATEWAY, Job, Platform, Service

FAKE = str(Path(__file__).with_name("fake_service.py"))


def platform(manner: str) -> Platform:
    """One database, one job, a service and a gateway."""
    return Platform(
        databases={"chat": {"lock_timeout": "1s"}},
        jobs=(
            Job(name="keys", command=("/usr/bin/env", "touch", "{keys}"), unless="{keys}"),
            Job(
                name="migrate-chat",
                command=("/usr/bin/env", "sh", "-c", 'test -n "$DATABASE_URL"'),
                environment={"DATABASE_URL": "{database[chat]}"},
                database="chat",
            ),
        ),
        services=(
            Service(
                name="inner",
                command=("{python}", FAKE, manner),
                environment={"DATABASE_URL": "{database[chat]}", "REDIS_URL": "{redis}", "KAFKA_URL": "{kafka}"},
                stage=BACK,
            ),
            Service(
                name="gateway",
                command=("{python}", FAKE),
                environment={"INNER_URL": "{url[inner]}"},
                stage=GATEWAY,
                gateway=True,
            ),
        ),
    )


if __name__ == "__main__":
    arguments = [word for word in sys.argv[1:] if word != "--durable"]
    if "--missing" in arguments:
        at = arguments.index("--missing")
        sys.modules[arguments[at + 1]] = None  # type: ignore[assignment]  # as if it were not installed
        del arguments[at : at + 2]
    manner = arguments[0] if arguments else "well"
    sys.exit(main(platform=platform(manner), durable="--durable" in sys.argv))
