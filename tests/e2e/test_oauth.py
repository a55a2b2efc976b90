"""A login elsewhere, through the gateway."""

from urllib.parse import urlsplit

import httpx

from devstack.background import Background
from tests.e2e.people import Person, Platform
from tests.support.oidc import Browser, parameters, providers, with_parameters


async def test_who_logs_in_elsewhere_can_talk_here(stack: Background, platform: Platform, issuer: str) -> None:
    home = platform.url
    with providers([f"{home}/auth/oauth/sample/callback"], [urlsplit(issuer).port or 0]):
        async with httpx.AsyncClient(base_url=home, trust_env=False) as ours:
            browser = Browser(ours, home)
            begun = await browser.get(f"{home}/auth/oauth/sample")
            assert begun.status_code == 303
            there = with_parameters(begun.headers["location"], login_hint="42|carol@example.org|1|carol|Carol")
            callback = await browser.follow(there, until=f"{home}/auth/oauth/")
            ended = (await browser.get(callback)).headers["location"]
            assert ended.startswith(f"{home}/?code=")
            assert browser.cookies(home) == {}
        reply = await platform.call("POST", "/auth/oauth/exchange", {"code": parameters(ended)["code"]})
        assert reply.status_code == 200
        carol = Person(platform, reply.json())
        assert (await carol.get("/profiles/me"))["displayName"] == "Carol"
        async with carol.connected() as socket:
            assert socket.ready["user"]["full_name"] == "Carol"
