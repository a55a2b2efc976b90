"""What the clients say: a key, and text that shows whether it came whole."""

import random
import zlib

ALPHABETS = ("abc def ", "ä ö ü ß ", "消息 ", "😀 👍🏽 ", '"\\\n\t ', "\u0001\u2028 ")
MOST_CHARACTERS = 4000


def content_of(key: str, chance: random.Random, version: int = 0) -> str:
    """A message: mostly short, sometimes of any length, of all kinds of characters; `version` counts its edits."""
    most = MOST_CHARACTERS - 100 if chance.random() < 0.01 else 120
    alphabet = chance.choice(ALPHABETS)
    text = (alphabet * most)[: chance.randint(0, most)]
    named = f"{key}/{version}" if version else key
    return f"{named} {zlib.crc32(text.encode()):08x} {text}."


def key_of(content: str) -> str:
    """The key in a message; what is no message of ours, or not whole, becomes one that nobody has sent."""
    named, _, rest = content.partition(" ")
    checksum, _, text = rest.partition(" ")
    if text.endswith(".") and checksum == f"{zlib.crc32(text[:-1].encode()):08x}":
        return named.partition("/")[0]
    return f"corrupt: {content[:80]!r}"


def version_of(content: str) -> int:
    """How often a message has been edited; of what is no message of ours, never."""
    version = content.partition(" ")[0].partition("/")[2]
    return int(version) if version.isdigit() else 0
