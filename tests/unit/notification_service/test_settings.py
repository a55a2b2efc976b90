"""What belongs together."""

import pytest

from chassis.settings import SettingsError, load
from notification_service import housekeeping
from notification_service.settings import Settings

NEEDED = {
    "DATABASE_URL": "postgresql://nobody",
    "AUTH_URL": "http://auth",
    "PROFILE_URL": "http://profile",
    "CHAT_URLS": "http://chat-1,http://chat-2",
    "FCM_CREDENTIALS_FILE": "account.json",
}


def test_an_event_is_remembered_for_longer_than_a_message_is_news() -> None:
    """Else a topic that is read again would tell people again."""
    longest = 86_400
    assert load(Settings, {**NEEDED, "MESSAGE_SECONDS": str(longest)}).message_seconds == longest
    with pytest.raises(SettingsError, match="MESSAGE_SECONDS"):
        load(Settings, {**NEEDED, "MESSAGE_SECONDS": str(longest + 1)})
    assert 1.5 * longest < housekeeping.EVENT_SECONDS


def test_several_pods_of_chat_may_be_named() -> None:
    assert load(Settings, NEEDED).chat_urls == ("http://chat-1", "http://chat-2")
