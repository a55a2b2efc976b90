"""What can go wrong while the platform starts.

DevstackError          one clear sentence for the person at the terminal; ends the start with a non-zero exit
└── ProcessError       a process did not start or ended; carries the tail of its log
"""


class DevstackError(Exception):
    """One clear sentence that says what is wrong and what to do about it."""


class ProcessError(DevstackError):
    """A process that did not start, with the tail of what it wrote."""

    def __init__(self, sentence: str, tail: str = "") -> None:
        """
        Arguments:
            sentence: the one clear sentence.
            tail: the last lines of the process's log, "" if it wrote nothing.
        """
        super().__init__(sentence)
        self.tail = tail
