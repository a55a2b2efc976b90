"""Push devices of users."""

from uuid import UUID

from chassis.postgres import Connection, Postgres
from chassis.problems import Invalid, NotFound, Unauthorized

from . import audit, events, policy
from .model import Client, Device
from .store import devices as store
from .store.accounts import lock_users
from .store.sessions import is_session_of

MAX_DEVICES = 20  # per user; the one that has been silent the longest gives way


class Devices:
    """Registers devices with the session that did it, and removes them."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def register(self, device: Device, client: Client) -> None:
        """Send this user's notifications to this device, until its session ends.

        Raises:
            Invalid: this cannot be a token of a push service.
            Unauthorized: the session has ended.
        """
        if not policy.is_device_token(device.token):
            raise Invalid(("token", "is not a device token"))
        async with self._postgres.transaction() as connection:
            await store_device(connection, device)
        audit.record("device_registered", user_id=device.user_id, session_id=device.session_id, address=client.address)

    async def remove(self, user_id: UUID, token: str, client: Client) -> None:
        """Send nothing more to this device.

        Raises:
            NotFound: this user has no such device.
        """
        async with self._postgres.transaction() as connection:
            await lock_users(connection, [user_id])
            removed = await store.delete_device(connection, user_id, token) if policy.is_device_token(token) else []
            await events.devices_removed(connection, removed)
        if not removed:
            raise NotFound("You have no such device.")
        audit.record("device_removed", user_id=user_id, address=client.address)

    async def lose(self, token: str) -> None:
        """Forget a device that its push service does not know any more, whosever it is."""
        async with self._postgres.transaction() as connection:
            await store.lock_device_token(connection, token)
            device = await store.select_device(connection, token)
            if device is None:
                return
            await lock_users(connection, [device.user_id])
            removed = await store.delete_device(connection, device.user_id, token)
            await events.devices_removed(connection, removed)
        audit.record("device_lost", user_id=device.user_id, session_id=device.session_id)


async def store_device(connection: Connection, device: Device) -> None:
    """Store a device and tell of it, in the caller's transaction; a repeat changes and tells nothing.

    Raises:
        Unauthorized: the session has ended.
    """
    await store.lock_device_token(connection, device.token)
    before = await store.select_device(connection, device.token)
    await lock_users(connection, {device.user_id, before.user_id if before is not None else device.user_id})
    before = await store.select_device(connection, device.token)  # it may have been removed meanwhile, not moved
    if not await is_session_of(connection, device.user_id, device.session_id):
        raise Unauthorized("The session has been ended; log in again.", code="token_revoked")
    await store.upsert_device(connection, device)
    if before is None or before.user_id != device.user_id:
        if before is not None:
            await events.devices_removed(connection, [before])
        await events.device_registered(connection, device)
        await events.devices_removed(
            connection, await store.delete_devices_beyond(connection, device.user_id, MAX_DEVICES)
        )
