"""The findings of every service, account and Region, in each service's own wire shape."""

from threading import Lock

IDENTITY = {
    "guardduty": ("id",),
    "inspector2": ("findingArn",),
    "macie2": ("id",),
    "securityhub": ("ProductArn", "Id"),
}

Place = tuple[str, str, str]


def identity(service: str, finding: dict) -> str:
    """What tells one finding of a service from another. Raises KeyError when the finding lacks it."""
    return "|".join(finding[name] for name in IDENTITY[service])


class Shelf:
    """Findings by place = (service, account, Region)."""

    def __init__(self) -> None:
        self._findings: dict[Place, dict[str, dict]] = {}
        self._lock = Lock()

    def put(self, place: Place, findings: list[dict], replace: bool = False) -> int:
        """Adds or overwrites by identity; `replace` drops the rest. Out: how many stand there now."""
        by_identity = {identity(place[0], finding): finding for finding in findings}
        with self._lock:
            kept = {} if replace else self._findings.get(place, {})
            self._findings[place] = kept | by_identity
            return len(self._findings[place])

    def findings(self, place: Place) -> list[dict]:
        """The documents at a place; they are shared, so they must not be changed."""
        with self._lock:
            return list(self._findings.get(place, {}).values())

    def counts(self) -> dict[str, dict[str, dict[str, int]]]:
        """account -> Region -> service -> count."""
        counts: dict[str, dict[str, dict[str, int]]] = {}
        with self._lock:
            for (service, account, region), findings in sorted(self._findings.items()):
                counts.setdefault(account, {}).setdefault(region, {})[service] = len(findings)
        return counts

    def clear(self) -> None:
        with self._lock:
            self._findings.clear()
