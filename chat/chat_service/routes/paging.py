"""The page envelope of the contract: `{count, next, previous, results}`, where next and previous are paths or null."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from urllib.parse import urlencode

import msgspec

DEFAULT_PAGE_SIZE = 50
PageNumber = Annotated[int, msgspec.Meta(ge=1, le=10**9)]
PageSize = Annotated[int, msgspec.Meta(ge=1, le=200)]


def envelope(count: int, results: Sequence[Any], following: str | None, previous: str | None) -> dict[str, Any]:
    """The reply's body."""
    return {"count": count, "next": following, "previous": previous, "results": results}


def numbered(
    path: str, query: Mapping[str, Any], page: int, page_size: int, count: int, results: Sequence[Any]
) -> dict[str, Any]:
    """The envelope of page `page`; `query` are other parameters to keep."""

    def link(number: int) -> str:
        return f"{path}?{urlencode({**query, 'page': number, 'page_size': page_size})}"

    following = link(page + 1) if page * page_size < count else None
    return envelope(count, results, following, link(page - 1) if page > 1 else None)
