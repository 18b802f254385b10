"""How well an account is kept."""

from dataclasses import dataclass

from .dice import Dice

SEVERITIES = ("LOW", "MEDIUM", "HIGH", "CRITICAL")


@dataclass(frozen=True)
class Profile:
    """`volume` scales the number of findings; `weights` go with `SEVERITIES`; the other numbers are shares of 1."""

    name: str
    volume: float
    weights: tuple[int, int, int, int]
    failed: float
    settled: float

    def severity(self, dice: Dice) -> str:
        return dice.choices(SEVERITIES, self.weights)[0]


PROFILES = {
    profile.name: profile
    for profile in (
        Profile("hardened", 0.3, (60, 30, 9, 1), failed=0.08, settled=0.40),
        Profile("mixed", 1.0, (35, 38, 21, 6), failed=0.45, settled=0.20),
        Profile("bad", 1.7, (15, 32, 36, 17), failed=0.85, settled=0.05),
    )
}
