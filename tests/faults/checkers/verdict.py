"""What a checker says."""

import msgspec

EXAMPLES = 10


class Verdict(msgspec.Struct):
    """Arguments:
    name: of what was looked for.
    looked_at: how many things were looked at; 0 means that nothing was checked.
    count: how many were wrong.
    examples: the first of them, in words.
    optional: there need not be anything to look at.
    """

    name: str
    looked_at: int = 0
    count: int = 0
    examples: list[str] = []
    optional: bool = False

    def bad(self, example: str) -> None:
        """One more is wrong."""
        self.count += 1
        if len(self.examples) < EXAMPLES:
            self.examples.append(example)

    @property
    def passed(self) -> bool:
        """Nothing is wrong, and something was looked at."""
        return self.count == 0 and (self.looked_at > 0 or self.optional)
