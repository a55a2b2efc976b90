"""Nothing is broken: what the others are compared with."""


def install() -> None:
    """Break nothing."""
