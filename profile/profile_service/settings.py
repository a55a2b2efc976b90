"""What the profile service is told."""

from chassis.kafka import KafkaSettings
from chassis.settings import Positive, Seconds, Url


class Settings(KafkaSettings, frozen=True, kw_only=True):
    """The profile service's settings; see chassis.settings and chassis.kafka for the common ones."""

    database_url: Url
    redis_url: Url
    auth_url: Url
    database_connections: Positive = 10
    lookup_concurrency: Positive = 16  # questions to auth under way at once
    lookup_seconds: Seconds = 1.0  # for each of them, waiting for its turn included
