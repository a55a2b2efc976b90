"""`/auth/devices`."""

from typing import Literal

import msgspec
from quart import Blueprint, Response

from chassis.http import bearer, claims, no_content, takes

from ..devices import Devices
from ..model import Device, DeviceToken
from .caller import Caller


class DeviceBody(msgspec.Struct, frozen=True):
    """Where push notifications go."""

    token: DeviceToken
    platform: Literal["fcm"] = "fcm"


def blueprint(devices: Devices, caller: Caller) -> Blueprint:
    """The routes of devices."""
    routes = Blueprint("devices", __name__)

    @routes.put("/auth/devices")
    @bearer
    @takes(DeviceBody)
    async def register_device(data: DeviceBody) -> Response:
        """Send my notifications to this device."""
        device = Device(data.token, data.platform, claims().user_id, claims().session_id)
        await devices.register(device, caller())
        return no_content()

    @routes.delete("/auth/devices/<token>")
    @bearer
    async def remove_device(token: str) -> Response:
        """Send nothing more to this device."""
        await devices.remove(claims().user_id, token, caller())
        return no_content()

    return routes
