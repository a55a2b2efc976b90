"""Whether a new password is one that is guessed first: the common ones, by the list that zxcvbn ships, and one's name.

Not more than that: whoever guesses has ten attempts in a quarter of an hour, and rules about characters make people
choose worse passwords (NIST SP 800-63B-4, section 3.1.1.2).
"""

from collections.abc import Sequence

from zxcvbn.frequency_lists import FREQUENCY_LISTS


class Strength:
    """Knows what is guessed first.

    Arguments:
        common: how many of the most common passwords are refused; 0 refuses nothing.
    """

    def __init__(self, common: int) -> None:
        self._common = frozenset(FREQUENCY_LISTS["passwords"][:common])  # the most common first, in lower case
        self._refuses = common > 0

    def is_guessed_first(self, password: str, about: Sequence[str | None]) -> bool:
        """Whether a password is a common one, or what everybody knows of its owner, whatever the case.

        Arguments:
            about: his name, his address; also without what follows the `@`.
        """
        if not self._refuses:
            return False
        folded = password.strip().casefold()
        known = {part.casefold() for text in about if text for part in (text, text.partition("@")[0])}
        return folded in self._common or folded in known
