"""Chance that falls the same way every time, and the invented strangers of the internet."""

import random
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

NETWORKS = ("198.51.100", "203.0.113", "192.0.2")
PLACES = (
    ("Port Avalon", "XA", "Avalonia", 51.2, 3.1),
    ("Lower Quarry", "XB", "Bracia", 47.9, 18.4),
    ("Saltmarsh", "XC", "Corvania", 59.3, 24.8),
    ("New Heron", "XD", "Drumland", -33.1, 150.2),
)
NETWORK_OWNERS = (
    ("64496", "EXAMPLE-TRANSIT", "Example Transit"),
    ("64499", "HOLLOW-HOSTING", "Hollow Hosting"),
    ("64505", "GREYFERRY", "Greyferry Networks"),
)
DOMAINS = ("cdn-sync.example.com", "pool.mine.example.net", "x7f3k2q9.example.org", "login-check.example.com", "drop.example.net")


class Dice(random.Random):
    """A `random.Random` seeded with words."""

    def __init__(self, *words: str):
        super().__init__("/".join(words))

    def hex(self, length: int) -> str:
        return f"{self.getrandbits(4 * length):0{length}x}"

    def uuid(self) -> str:
        return str(uuid.UUID(int=self.getrandbits(128), version=4))

    def letters(self, length: int) -> str:
        """Capitals and digits, as in AWS's unique ids."""
        return "".join(self.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", k=length))

    def address(self) -> str:
        """An address from the documentation ranges."""
        return f"{self.choice(NETWORKS)}.{self.randint(1, 254)}"

    def skewed(self, items: Sequence) -> Any:
        """The first items often, the last ones seldom: what makes a ranking worth looking at."""
        return items[int(len(items) * self.random() ** 2.5)]

    def life(self, until: datetime) -> tuple[datetime, datetime]:
        """When something began and when it was last seen: within 60 days before `until`, to the millisecond."""
        began = until - timedelta(milliseconds=self.randint(1, 60 * 86_400_000))
        last = began + (until - began) * self.random()
        return began, last.replace(microsecond=last.microsecond // 1000 * 1000)


def iso(moment: datetime) -> str:
    """2026-10-01T12:00:00.000Z"""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def epoch(moment: datetime) -> float:
    """Seconds since 1970, with milliseconds, as REST-JSON services put times on the wire."""
    return round(moment.timestamp(), 3)
