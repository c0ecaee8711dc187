"""What happens in the histories of the law of decisions: events of chance, and scenes in which one thing meets what was decided before.

Chance alone lets two events of three hundred concern the same record and field; what people found broken did. Each history begins with
scenes, another one with each seed, so that eight histories have played every scene several times.
"""

from __future__ import annotations

import random
from typing import NamedTuple

EVENTS, SCENES_EACH = 24, 5
BALANCE, PARENT = 5, 4
"""Places of fields that an ERP record may change, besides those that can be pinned."""
OF_ERPS, WAITING = range(4, 8), range(4)
"""Places of records that are debtors from the start, and of those that wait for a person to link them."""
ERP_PAIRS = ((4, 5), (5, 4), (6, 7), (7, 6))
"""Places of records of one ERP each: only they can name each other as parents."""


class Event(NamedTuple):
    """Something that happens; the numbers choose among what is there when it does."""

    kind: str
    a: int
    b: int
    c: int


KINDS = (
    "changes", "changes", "changes", "says it again", "is deleted", "comes back", "time", "policy", "link", "link", "link", "unlink", "unlink",
    "merge", "merge", "merge", "unmerge", "unmerge",
    "not the same", "pin", "pin", "pin", "unpin", "parent", "parent", "group", "leave", "dissolve", "states", "states", "states", "undo", "undo", "undo",
    "import tag", "import parent", "undo import",
)  # fmt: skip
FOR_EVER, WATCHING, FOR_A_DAY = 3, 1, 25
"""Numbers of a pin: for good, until its source changes, until tomorrow."""
WAITS, PROMISED = 1, 5
"""Numbers of a statement about the debtor of a record: two words that differ."""


def scenes(rng: random.Random) -> tuple[list[Event], ...]:
    """One of each scene, about records and fields of chance."""
    x, y, z = rng.sample(OF_ERPS, 3)
    waiting = rng.choice(WAITING)
    field, word, value = rng.randrange(3), rng.randrange(2), rng.randrange(60)
    older, younger = rng.choice(ERP_PAIRS)
    other = rng.choice([pair for pair in ERP_PAIRS if older not in pair])[0]
    of_younger, of_older = (0, 1) if younger > older else (1, 0)
    return (
        [Event("pin", x, field, WATCHING), Event("changes", x, field, value), Event("says it again", x, field, 0)],
        [Event("pin", x, field, WATCHING), Event("link", waiting, x, 0), Event("unlink", waiting, 0, 0)],
        [Event("pin", x, field, FOR_A_DAY), Event("policy", value, word, 0), Event("time", 1, value, 0)],
        [Event("states", x, word, WAITS), Event("states", y, word, PROMISED), Event("merge", x, y, 0)],
        [Event("pin", x, field, FOR_EVER), Event("merge", x, y, 0), Event("undo", 1, 0, 0), Event("unmerge", x, 0, 0)],
        [Event("pin", x, field, FOR_EVER), Event("group", x, word, 0), Event("states", x, word, WAITS), Event("merge", x, y, 0),
         Event("link", x, z, 0), Event("unlink", x, 0, 0)],
        [Event("changes", younger, PARENT, of_younger), Event("parent", older, younger, 1), Event("unpin", older, 3, 0)],
        [Event("changes", younger, PARENT, of_younger), Event("parent", other, younger, 1), Event("merge", older, other, 0),
         Event("unmerge", older, 0, 0)],
        [Event("changes", younger, PARENT, of_younger), Event("changes", older, PARENT, of_older), Event("changes", older, PARENT, 2)],
        [Event("parent", x, y, 1), Event("parent", y, z, 1), Event("parent", y, z, 0)],
        [Event("group", x, 0, 0), Event("group", y, 1, 0), Event("merge", x, y, 0), Event("dissolve", 1, 0, 0), Event("unmerge", x, 0, 0)],
        [Event("import tag", x, word, 0), Event("import parent", x, z, 0), Event("merge", x, y, 0), Event("undo import", 1, 0, 0),
         Event("undo import", 0, 0, 0), Event("undo import", 1, 0, 0)],
        [Event("changes", x, BALANCE, value), Event("merge", x, y, 0), Event("is deleted", x, 0, 0), Event("comes back", x, 0, 0)],
    )  # fmt: skip


def by_chance(rng: random.Random) -> Event:
    """Anything."""
    return Event(rng.choice(KINDS), rng.randrange(60), rng.randrange(60), rng.randrange(60))


def history_of(seed: int) -> list[Event]:
    """What happens, from its seed alone: some scenes, then chance."""
    rng = random.Random(seed)
    played = list[Event]()
    for place in range(seed * SCENES_EACH, (seed + 1) * SCENES_EACH):
        dealt = scenes(rng)
        played += dealt[place % len(dealt)]
    return [*played, *(by_chance(rng) for _ in range(max(0, EVENTS - len(played))))]
