"""Which life of the database this is: after a failover that lost commits, or a restore, positions mean nothing."""

from chassis.postgres import Postgres

from ..store.epoch import select_epoch
from .arrivals import Arrivals


class Epoch:
    """Learns the epoch before the first socket is accepted."""

    def __init__(self, database: Postgres, arrivals: Arrivals) -> None:
        self._database = database
        self._arrivals = arrivals

    async def start(self) -> None:
        """Read it."""
        async with self._database.connection() as connection:
            self._arrivals.epoch = await select_epoch(connection)

    async def stop(self) -> None:
        """Nothing to release."""
