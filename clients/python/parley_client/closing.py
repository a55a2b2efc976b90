"""What is left by closing it."""

from types import TracebackType


class Closing:
    """The end of an `async with`, for whatever has a `close`."""

    async def close(self) -> None:
        """Leave."""
        raise NotImplementedError

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
