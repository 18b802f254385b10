"""How often each operation was called: what a test asks to learn what an agent really did."""

from collections import Counter
from threading import Lock

NOBODY = "unknown"


class Ledger:
    """Counts calls as they arrive, the refused ones too. The overlay leaves those out by which a world is seeded."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str, str, str]] = Counter()
        self._lock = Lock()

    def count(self, account: str, service: str, region: str, operation: str) -> None:
        """Adds one call. The account of a key that nobody has is `NOBODY`."""
        with self._lock:
            self._counts[account, service, region, operation] += 1

    def totals(self, region: str | None = None) -> dict[str, dict[str, dict[str, int]]]:
        """account -> service -> operation -> count, of one Region or of all."""
        with self._lock:
            counts = sorted(self._counts.items())
        totals: dict[str, dict[str, dict[str, int]]] = {}
        for (account, service, called_in, operation), count in counts:
            if region in (None, called_in):
                of_service = totals.setdefault(account, {}).setdefault(service, {})
                of_service[operation] = of_service.get(operation, 0) + count
        return totals

    def clear(self) -> None:
        with self._lock:
            self._counts.clear()
