"""The access analyzers of every account and Region: the one piece of configuration that moto has no place for."""

from threading import Lock


class Analyzers:
    """Analyzers in the service's own wire shape."""

    def __init__(self) -> None:
        self._analyzers: dict[tuple[str, str], dict[str, dict]] = {}
        self._lock = Lock()

    def add(self, account: str, region: str, analyzer: dict) -> bool:
        """Whether there was none of that name yet."""
        with self._lock:
            return self._analyzers.setdefault((account, region), {}).setdefault(analyzer["name"], analyzer) is analyzer

    def of(self, account: str, region: str) -> list[dict]:
        with self._lock:
            return list(self._analyzers.get((account, region), {}).values())
