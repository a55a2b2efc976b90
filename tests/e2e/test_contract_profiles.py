"""The contract's words about profiles, through the gateway."""

from typing import Any

import pytest

from tests.e2e.people import Person, Platform
from tests.e2e.shapes import PROFILE, anything, either, is_problem, is_shaped, listed, nothing, shaped, text


async def test_a_profile_exists_as_soon_as_its_user_does(platform: Platform, alice: Person) -> None:
    new = await platform.register("carol", display_name="Carol C.")
    profile = await alice.get(f"/profiles/{new.id}")
    is_shaped(profile, PROFILE)
    assert (profile["id"], profile["username"], profile["displayName"]) == (new.id, new.username, "Carol C.")
    assert "preferences" not in profile
    is_problem(await new.call("POST", "/profiles", {"displayName": "Again"}), 409, "profile_exists")


async def test_the_owner_changes_replaces_and_removes_his_profile(alice: Person) -> None:
    change = {"statusMessage": "here", "avatarUrl": "https://example.org/a.png", "preferences": {"theme": "dark"}}
    changed = (await alice.call("PATCH", "/profiles/me", change)).json()
    is_shaped(changed, {**PROFILE, "preferences": anything})
    assert {name: changed[name] for name in change} == change
    put = (await alice.call("PUT", f"/profiles/{alice.id}", {"displayName": "Alice"})).json()
    assert (put["displayName"], put["statusMessage"], put["avatarUrl"], put["preferences"]) == ("Alice", None, None, {})
    assert (await alice.call("DELETE", "/profiles/me")).status_code == 204
    is_problem(await alice.call("GET", "/profiles/me"), 404, "not_found")
    made = await alice.call("POST", "/profiles", {"displayName": "Alice again"})
    assert made.status_code == 201, made.text
    is_shaped(made.json(), PROFILE)


@pytest.mark.parametrize(
    ("method", "body"), [("PUT", {"displayName": "x"}), ("PATCH", {"statusMessage": "x"}), ("DELETE", None)]
)
async def test_only_the_owner_writes(alice: Person, bob: Person, method: str, body: Any) -> None:
    is_problem(await alice.call(method, f"/profiles/{bob.id}", body), 403, "forbidden")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("displayName", "x" * 101),
        ("displayName", ""),
        ("avatarUrl", "https://example.org/" + "x" * 255),
        ("avatarUrl", "javascript:alert(1)"),
        ("statusMessage", "x" * 256),
        ("statusMessage", "nul\x00"),
        ("preferences", {"big": "x" * 8192}),
        ("preferences", ["not", "an", "object"]),
    ],
)
async def test_each_field_has_its_limit(alice: Person, field: str, value: Any) -> None:
    problem = is_problem(await alice.call("PATCH", "/profiles/me", {field: value}), 422, "invalid")
    assert problem["errors"][0]["field"].startswith(field)


async def test_search_finds_the_beginning_of_either_name_whatever_its_case(platform: Platform, alice: Person) -> None:
    found = await platform.register("needle", display_name="Zebra Crossing")
    await alice.get(f"/profiles/{found.id}")
    for term in (found.username[:9].upper(), "zebra cr"):
        page = await alice.get("/profiles", params={"search": term, "limit": 10})
        is_shaped(page, {"results": listed(shaped(PROFILE)), "next_cursor": either(text, nothing)})
        assert found.id in [profile["id"] for profile in page["results"]], term
    page = await alice.get("/profiles", params={"search": "ebra"})
    assert found.id not in [profile["id"] for profile in page["results"]]


async def test_who_is_not_there_is_not_found(alice: Person) -> None:
    is_problem(await alice.call("GET", "/profiles/00000000-0000-7000-8000-000000000000"), 404, "not_found")
    is_problem(await alice.call("GET", "/profiles/nonsense"), 404, "not_found")
