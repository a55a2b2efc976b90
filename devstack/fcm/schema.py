"""Messages as FCM's HTTP v1 takes them (projects.messages in its reference), and its errors."""

import re
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from devstack.fcm.listener import Reply

MAX_PAYLOAD_BYTES = 4096
MAX_TTL_SECONDS = 2_419_200  # four weeks
Seconds = Annotated[str, Meta(pattern=r"^[0-9]{1,9}(\.[0-9]{1,9})?s$")]
Data = dict[str, str]


class Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A form without unknown fields: Google refuses them."""


class Notification(Strict, frozen=True):
    """What every platform shows."""

    title: str = ""
    body: str = ""
    image: str = ""


class AndroidNotification(Strict, frozen=True):
    """What Android shows besides; those of its many fields that anybody here uses."""

    title: str = ""
    body: str = ""
    icon: str = ""
    color: Annotated[str, Meta(pattern="^(#[0-9a-fA-F]{6})?$")] = ""
    sound: str = ""
    tag: str = ""
    click_action: str = ""
    channel_id: str = ""
    ticker: str = ""
    sticky: bool = False
    event_time: str = ""
    local_only: bool = False
    notification_count: int = 0
    image: str = ""


class Android(Strict, frozen=True):
    """How it travels to Android."""

    collapse_key: str = ""
    priority: Literal["NORMAL", "HIGH", "normal", "high"] = "NORMAL"
    ttl: Seconds = f"{MAX_TTL_SECONDS}s"
    restricted_package_name: str = ""
    data: Data = {}
    notification: AndroidNotification | UnsetType = UNSET
    fcm_options: Data = {}
    direct_boot_ok: bool = False


class Apns(Strict, frozen=True):
    """How it travels to Apple's devices."""

    headers: Data = {}
    payload: dict[str, Any] = {}
    fcm_options: Data = {}


class Webpush(Strict, frozen=True):
    """How it travels to browsers."""

    headers: Data = {}
    data: Data = {}
    notification: dict[str, Any] = {}
    fcm_options: Data = {}


class Message(Strict, frozen=True):
    """A message to one device."""

    token: str = ""
    data: Data = {}
    notification: Notification | UnsetType = UNSET
    android: Android | UnsetType = UNSET
    apns: Apns | UnsetType = UNSET
    webpush: Webpush | UnsetType = UNSET
    fcm_options: Data = {}

    @property
    def tag(self) -> str:
        """What a device shows takes the place of what it shows under the same tag; '' takes nobody's."""
        android = self.android if isinstance(self.android, Android) else Android()
        return android.notification.tag if isinstance(android.notification, AndroidNotification) else ""


class Sending(Strict, frozen=True):
    """The body of `messages:send`."""

    message: Message
    validate_only: bool = False


class Violation(Exception):
    """A message that is refused: which field, and why."""

    def __init__(self, field: str, description: str) -> None:
        super().__init__(description)
        self.field = field
        self.description = description


def read_message(body: bytes) -> Sending:
    """The message of a request.

    Raises:
        Violation: it has another form.
    """
    try:
        sending = msgspec.json.decode(body, type=Sending)
    except ValueError as error:
        detail, _, path = str(error).partition(" - at `$.")
        raise Violation(path.rstrip("`") or "message", detail) from None
    message = sending.message
    if not message.token:
        raise Violation("message", "Recipient of the message is not set.")
    for name in message.data:
        if name in ("from", "message_type") or name.startswith(("google.", "gcm.")):
            raise Violation("message.data", f"Invalid data payload key: {name}")
    shown = message.notification if isinstance(message.notification, Notification) else Notification()
    if len(msgspec.json.encode([message.data, shown.title, shown.body])) > MAX_PAYLOAD_BYTES:
        raise Violation("message", "Message too big")
    if isinstance(message.android, Android) and float(message.android.ttl[:-1]) > MAX_TTL_SECONDS:
        raise Violation("message.android.ttl", "TTL must be between 0 and 2,419,200 seconds")
    if isinstance(message.apns, Apns) and len(message.apns.headers.get("apns-collapse-id", "").encode()) > 64:
        raise Violation("message.apns.headers", "apns-collapse-id has at most 64 bytes")
    if isinstance(message.webpush, Webpush):
        topic = message.webpush.headers.get("Topic", "x")
        if not re.fullmatch("[A-Za-z0-9_-]{1,32}", topic):  # RFC 8030, section 5.4
            raise Violation("message.webpush.headers", "Topic has at most 32 characters of the URL-safe alphabet")
    return sending


STATUSES = {
    400: ("INVALID_ARGUMENT", "Request contains an invalid argument."),
    401: ("UNAUTHENTICATED", "Request had invalid authentication credentials."),
    403: ("PERMISSION_DENIED", "The caller does not have permission."),
    404: ("NOT_FOUND", "Requested entity was not found."),
    429: ("RESOURCE_EXHAUSTED", "Quota exceeded."),
    500: ("INTERNAL", "Internal error encountered."),
    503: ("UNAVAILABLE", "The service is currently unavailable."),
}
CODES = {404: "UNREGISTERED", 429: "QUOTA_EXCEEDED", 403: "SENDER_ID_MISMATCH"}  # where FCM's word differs


def error_reply(
    status: int, *, code: str | None = None, violation: Violation | None = None, retry_after: str | None = None
) -> Reply:
    """An error in Google's form (google.rpc.Status).

    Arguments:
        code: FCM's own word; '' for none, None for the usual one.
        violation: what is wrong with the request.
        retry_after: the header of that name.
    """
    word, text = STATUSES.get(status, ("UNKNOWN", "Unknown error."))
    details: list[object] = []
    own = CODES.get(status, word) if code is None else code
    if own:
        details.append({"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": own})
    if violation is not None:
        fields = [{"field": violation.field, "description": violation.description}]
        details.append({"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": fields})
    body = {"error": {"code": status, "message": text, "status": word, "details": details}}
    return Reply(status, body, {} if retry_after is None else {"Retry-After": retry_after})
