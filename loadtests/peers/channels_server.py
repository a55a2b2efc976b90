"""Django Channels with the pub/sub layer of channels_redis, as its tutorial shows it. Nothing is stored.

On uvicorn, which is faster than daphne. In a virtual environment of its own, in which nothing of ours is installed.
"""

# mypy: disable-error-code="import-not-found,import-untyped,misc,no-any-return"

import json
import os

import django
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.http import HttpResponse
from django.urls import path

settings.configure(
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    SECRET_KEY=os.urandom(32).hex(),
    CHANNEL_LAYERS={
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": [os.environ["REDIS_URL"]]},
        }
    },
)
django.setup()

from django.core.asgi import get_asgi_application  # noqa: E402  (needs the settings)


class Chat(AsyncWebsocketConsumer):
    """The tutorial's consumer; the frame is encoded once and not by each member, which is in its favour."""

    async def connect(self) -> None:
        """Join the room that the path names."""
        self.room = self.scope["url_route"]["kwargs"]["room"]
        self.group = f"chat_{self.room}"
        await self.channel_layer.group_add(self.group, self.channel_name)
        await self.accept()

    async def disconnect(self, code: int) -> None:
        """Leave it."""
        await self.channel_layer.group_discard(self.group, self.channel_name)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Tell everybody."""
        data = json.loads(text_data or "")["data"]
        text = json.dumps({"type": "chat.message", "data": {**data, "room": self.room}}, separators=(",", ":"))
        await self.channel_layer.group_send(self.group, {"type": "chat.message", "text": text})

    async def chat_message(self, event: dict[str, str]) -> None:
        """Somebody said something."""
        await self.send(text_data=event["text"])


urlpatterns = [path("readyz", lambda request: HttpResponse())]
application = ProtocolTypeRouter(
    {"http": get_asgi_application(), "websocket": URLRouter([path("ws/<str:room>/", Chat.as_asgi())])}
)
