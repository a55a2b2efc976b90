"""Whether network policies keep apart what has nothing to say to each other; what is needed is tried too."""

import asyncio
from urllib.parse import urlsplit

from tests.cluster.ground import Ground
from tests.cluster.kube import Kube, NotSo
from tests.cluster.release import RELEASE

SECONDS = 3
# Run in a pod: says whether a connection comes about.
TRY = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=float(sys.argv[3])).close()
    print("open")
except OSError as error:
    print(type(error).__name__)
"""


async def check_flows(kube: Kube, ground: Ground) -> str:
    """Try what may not be, from within pods; a line about it.

    Raises:
        NotSo: something is open that should be closed, or closed that should be open.
    """
    postgres = urlsplit(ground.secret["chat-database-url"])
    database = (postgres.hostname or "", postgres.port or 5432)
    outside = ("192.0.2.1", 443)
    flows = [
        ("chat", *database, True),
        ("chat", f"{RELEASE}-auth", 8000, True),
        ("gateway", f"{RELEASE}-profile", 8000, True),
        ("gateway", *database, False),
        ("profile", f"{RELEASE}-chat", 8000, False),
        ("chat", f"{RELEASE}-gateway", 80, False),
        ("auth", f"{RELEASE}-gateway", 80, False),
        ("chat", *outside, False),
    ]
    said = await asyncio.gather(*(_try(kube, name, host, port) for name, host, port, _ in flows))
    for (name, host, port, wanted), found in zip(flows, said, strict=True):
        if (found == "open") != wanted:
            raise NotSo(f"from {name} to {host}:{port} should be {'open' if wanted else 'closed'}: {found}")
    return f"{len(flows)} flows between pods, the database and outside are open and closed as they should be"


async def _try(kube: Kube, component: str, host: str, port: int) -> str:
    pod = (await kube.pods(component))[0].metadata.name
    return (await kube.execute(pod, "python", "-c", TRY, host, str(port), str(SECONDS))).strip()
