"""What the notification service is told."""

from typing import Annotated

import msgspec

from chassis.kafka import KafkaSettings
from chassis.settings import Positive, Seconds, Url


class Settings(KafkaSettings, frozen=True, kw_only=True):
    """The notification service's settings; see chassis.settings and chassis.kafka for the common ones."""

    database_url: Url
    auth_url: Url
    profile_url: Url
    chat_urls: tuple[Url, ...]  # of pods, or of what stands before them; the next one is asked when one is away
    database_connections: Positive = 10
    fcm_credentials_file: str  # the service account, as Google gives it
    fcm_url: Url = "https://fcm.googleapis.com"
    fcm_token_url: Url | None = None  # where access tokens are had, if not where the service account says
    fcm_proxy: Url | None = None  # through which FCM and Google are reached
    fcm_per_second: Positive = 500  # messages of this process; fewer for a while after FCM has said that it is too much
    fcm_seconds: Annotated[float, msgspec.Meta(gt=0, le=60)] = 10.0  # for one message
    sends_at_once: Positive = 100
    claim_seconds: Annotated[float, msgspec.Meta(ge=1, le=600)] = 30.0  # after which another worker takes over
    away_seconds: Seconds = 10.0  # in which a device that is connected confirms a message
    message_seconds: Annotated[float, msgspec.Meta(ge=1, le=86_400)] = 86_400.0  # after which one is not news any more
    welcome_seconds: Seconds = 3600.0  # after a registration, in which the first device gets a welcome
    welcome_title: str = "Welcome to Parley"
    welcome_text: str = "Messages that you miss will appear here."
