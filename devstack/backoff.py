"""How long to wait before something is started again."""


class Backoff:
    """Doubles from `first` to `last` seconds; what has run for `steady` seconds begins anew."""

    def __init__(self, first: float = 0.2, last: float = 10.0, steady: float = 10.0) -> None:
        """
        Arguments:
            first, last, steady: seconds.
        """
        self._first, self._last, self._steady = first, last, steady
        self._next = first

    def after(self, ran: float) -> float:
        """The seconds to wait now.

        Arguments:
            ran: how long the one that died had run, in seconds.
        """
        if ran >= self._steady:
            self._next = self._first
        wait, self._next = self._next, min(self._next * 2, self._last)
        return wait
