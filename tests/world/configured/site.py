"""One account that is being configured, and what is to be found there."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

from accounts import Account
from door import Door
from generated.estate import Bucket, Estate, estate

GLOBAL = "global"


class Verdicts:
    """What must be found: control -> Region, or `GLOBAL` -> "failed" and "passed" -> resources."""

    def __init__(self) -> None:
        self._found: dict[str, dict[str, dict[str, set[str]]]] = {}

    def judge(self, control: str, resource: str, holds: bool, region: str = GLOBAL) -> None:
        """Says that the control holds for the resource, or does not."""
        place = self._found.setdefault(control, {}).setdefault(region, {"failed": set(), "passed": set()})
        place["passed" if holds else "failed"].add(resource)

    def listed(self) -> dict[str, dict[str, dict[str, list[str]]]]:
        """As JSON, in order."""
        return {
            control: {region: {verdict: sorted(ids) for verdict, ids in place.items()} for region, place in sorted(places.items())}
            for control, places in sorted(self._found.items())
        }


@dataclass
class Site:
    """An account. `home` is the Region of its trails; dates count back from `until`. What one file makes for the next to use:
    `keys`, the ARN of a KMS key by Region, and `buckets`, by Region and system."""

    entry: Account
    door: Door
    profile: str
    regions: list[str]
    until: datetime
    keys: dict[str, str] = field(default_factory=dict)
    buckets: dict[str, dict[str, Bucket]] = field(default_factory=dict)
    verdicts: Verdicts = field(default_factory=Verdicts)
    _clients: dict = field(default_factory=dict)

    @property
    def account(self) -> str:
        return self.entry.id

    @property
    def home(self) -> str:
        return self.regions[0]

    @property
    def itself(self) -> str:
        """The account as a resource, as ASFF names it."""
        return f"AWS::::Account:{self.account}"

    @cached_property
    def estates(self) -> dict[str, Estate]:
        return {region: estate(self.account, region, self.until) for region in self.regions}

    def client(self, service: str, region: str | None = None):
        """A client of the administrator; of the home Region unless said otherwise."""
        place = (service, region or self.home)
        if place not in self._clients:
            self._clients[place] = self.entry.client(*place)
        return self._clients[place]

    def role(self, name: str) -> str:
        """The ARN of a role for one service, which is created when it does not exist, and has no policies."""
        role = self.entry.role(name)
        self.judge(True, "IAM.27", "KMS.2", resource=role)
        return role

    def before(self, days: int) -> str:
        """The moment that many days ago."""
        return (self.until - timedelta(days=days)).isoformat()

    def judge(self, holds: bool, *controls: str, resource: str | None = None, region: str = GLOBAL) -> None:
        """The same verdict on several controls of a resource; of the account itself unless said otherwise."""
        for control in controls:
            self.verdicts.judge(control, resource or self.itself, holds, region)
