"""The life of the database: its cluster and its timeline, which a promotion of a standby changes."""

from chassis.postgres import Connection


async def select_epoch(connection: Connection) -> str:
    """`<system identifier>-<timeline>`, both in hex."""
    epoch: str = await connection.fetchval(
        """SELECT to_hex(system_identifier) || '-' || ltrim(substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8), '0')
             FROM pg_control_system()"""
    )
    return epoch
