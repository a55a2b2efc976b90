"""The events of this service, as they go into the outbox."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from chassis.ids import uuid7
from chassis.postgres import Connection
from chassis.times import rfc3339, utc_now
from contracts.events import DEVICE_REGISTERED, DEVICE_REMOVED, USER_DELETED, USER_REGISTERED, Event

from .model import Account, Device
from .store.outbox import delete_events, insert_event

VERSION = 1


async def user_registered(connection: Connection, account: Account) -> None:
    """Somebody has an account now. His address stays here: what is in Kafka cannot be taken back."""
    data = {
        "user_id": account.id,
        "username": account.username,
        "display_name": account.display_name,
        "created_at": rfc3339(account.created_at),
    }
    await _record(connection, account.id, USER_REGISTERED, data)


async def user_deleted(connection: Connection, user_id: UUID) -> None:
    """Somebody is gone: whatever is known of him is to be forgotten, and what was said of him here too."""
    await delete_events(connection, user_id)
    await _record(connection, user_id, USER_DELETED, {"user_id": user_id})


async def device_registered(connection: Connection, device: Device) -> None:
    """Push notifications of a user go to this device from now on, and those of nobody else."""
    await _record(connection, device.user_id, DEVICE_REGISTERED, _device(device))


async def devices_removed(connection: Connection, devices: Iterable[Device]) -> None:
    """Push notifications of their users do not go to these any more."""
    for device in devices:
        await _record(connection, device.user_id, DEVICE_REMOVED, _device(device))


def _device(device: Device) -> dict[str, Any]:
    return {
        "user_id": device.user_id,
        "session_id": device.session_id,
        "token": device.token,
        "platform": device.platform,
    }


async def _record(connection: Connection, key: UUID, kind: str, data: dict[str, Any]) -> None:
    await insert_event(connection, key, Event(uuid7(), kind, VERSION, rfc3339(utc_now()) or "", data))
