"""Invented vulnerabilities of invented packages: the same ones in every account, so that one of them can be everywhere."""

from functools import cache
from typing import NamedTuple

from .dice import Dice

SCORES = (
    (10.0, "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H"),
    (9.8, "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"),
    (9.1, "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:N"),
    (8.8, "CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H"),
    (8.1, "CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:H/I:H/A:H"),
    (7.8, "CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H"),
    (7.5, "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H"),
    (6.5, "CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:U/C:N/I:N/A:H"),
    (6.1, "CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N"),
    (5.5, "CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:N/I:N/A:H"),
    (3.7, "CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:N/I:L/A:N"),
    (3.3, "CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:N/I:L/A:N"),
)
SYSTEM_PACKAGES = ("libquarry", "tinsel-utils", "heron-tls", "marshkernel", "ferrygate", "oldlamp-libs", "pebblezip")
LANGUAGE_PACKAGES = (("corvid-http", "PYTHONPKG"), ("pelicanjson", "NPM"), ("lantern-log", "JAR"), ("thistle-yaml", "GOMOD"))
FLAWS = ("a buffer overflow", "a use after free", "unchecked input", "a path traversal", "a weak default")
EFFECTS = ("run code", "read memory", "stop the service", "escape the sandbox", "read other tenants' data")


class Vulnerability(NamedTuple):
    """One CVE. `fixed` is "" when nobody has a fix."""

    id: str
    package: str
    manager: str
    version: str
    fixed: str
    score: float
    vector: str
    epss: float
    exploited: bool
    description: str

    @property
    def severity(self) -> str:
        return next(name for least, name in ((9, "CRITICAL"), (7, "HIGH"), (4, "MEDIUM"), (0, "LOW")) if self.score >= least)


@cache
def vulnerability(number: int) -> Vulnerability:
    """The vulnerability of that number; every fourth lies in a language package."""
    dice = Dice("vulnerability", str(number))
    package, manager = dice.choice(LANGUAGE_PACKAGES) if number % 4 == 0 else (dice.choice(SYSTEM_PACKAGES), "OS")
    score, vector = SCORES[number % len(SCORES)]
    major, minor = dice.randint(0, 9), dice.randint(0, 30)
    return Vulnerability(
        id=f"CVE-2099-{10000 + number}",
        package=package,
        manager=manager,
        version=f"{major}.{minor}.{dice.randint(0, 9)}",
        fixed=f"{major}.{minor + 1}.0" if dice.random() < 0.8 else "",
        score=score,
        vector=vector,
        epss=round(dice.random() ** 6, 5),
        exploited=dice.random() < 0.12,
        description=f"In {package} before {major}.{minor + 1}.0, {dice.choice(FLAWS)} lets an attacker {dice.choice(EFFECTS)}.",
    )


@cache
def vulnerabilities(severity: str, known: int) -> tuple[Vulnerability, ...]:
    """Those of a severity among the first `known`."""
    return tuple(flaw for flaw in map(vulnerability, range(known)) if flaw.severity == severity)
