"""Who is there, and what they have said."""

from typing import NamedTuple

PASSWORD = "try parley out"  # noqa: S105  for trying out, on one's own machine
BOT = "parley.bot"
PEOPLE = {
    "ada": ("Ada Lovelace", "Writing programs for machines that do not exist yet"),
    "grace": ("Grace Hopper", "It is easier to ask forgiveness"),
    "alan": ("Alan Turing", "Can machines chat?"),
    BOT: ("Parley Bot", "Write to me: help, time, dice, or anything"),
}


class Line(NamedTuple):
    """One message; `answers` is the number of an earlier line of the room, counted from 1."""

    who: str
    text: str
    answers: int | None = None


class Scene(NamedTuple):
    """A room: with a name it is a group of its people."""

    key: str
    people: tuple[str, ...]
    lines: tuple[Line, ...]
    name: str = ""
    read_by: tuple[str, ...] = ()


SCENES = (
    Scene(
        "bot",
        ("ada", BOT),
        (
            Line("ada", "Hello?"),
            Line(BOT, "Hello, Ada! I am a bot. Try: help, time, dice."),
        ),
        read_by=("ada",),
    ),
    Scene(
        "alan",
        ("ada", "alan"),
        (
            Line("alan", "Have you seen the new loom?"),
            Line("ada", "The one that weaves flowers and leaves?"),
            Line("alan", "It takes its pattern from cards. Punched ones."),
            Line("ada", "Then it could take numbers as well. I shall write a note about that."),
            Line("alan", "Make it a long one."),
            Line("ada", "Notes A to G. Will that do?", 5),
            Line("alan", "G is where the good part is, I suppose."),
            Line("ada", "It always is."),
        ),
        read_by=("ada", "alan"),
    ),
    Scene(
        "team",
        ("ada", "grace", "alan", BOT),
        (
            Line("grace", "Good morning! I moved the tests to this afternoon."),
            Line("alan", "Fine with me. Has anybody found the moth?"),
            Line("grace", "It is taped into the logbook. First actual case of a bug being found."),
            Line("alan", "A museum will want that page one day.", 3),
            Line("ada", "Which relay was it in?"),
            Line("grace", "Panel F, number 70. The page says so:\n\n1545  Relay #70 Panel F\n(moth) in relay."),
            Line("ada", "Then the machine was right, and the world was wrong. That does happen."),
            Line("alan", "How do we know that it has halted, and is not just thinking?"),
            Line("grace", "We ask you, Alan. You have a paper about that."),
            Line("alan", "The paper says: you cannot know in general."),
            Line("ada", "In particular, then: it has printed 8.", 8),
            Line("grace", "Of 10. It is thinking."),
            Line("alan", "Tea until it is done?"),
            Line("ada", "Tea until it is done."),
            Line("grace", "Two things before you go: the compiler reads English now, and nobody believes me."),
            Line("alan", "I believe you. What does it say?"),
            Line("grace", "ADD TEA TO CUP GIVING BREAK."),
        ),
        name="Analytical team",
        read_by=("grace", "alan"),
    ),
    Scene(
        "grace",
        ("ada", "grace"),
        (
            Line("ada", "Thank you for the wire! What is it for?"),
            Line("grace", "That is a nanosecond: how far light comes in one. Keep it in your pocket."),
            Line("ada", "And a microsecond?"),
            Line("grace", "A coil of 300 metres. I bring it to admirals."),
            Line("grace", "Are you there? I want to show you something."),
        ),
        read_by=("grace",),
    ),
)
