"""All that the stand-in keeps besides moto's own state, and one authenticated question to it."""

from dataclasses import dataclass, field

from .analyzers import Analyzers
from .faults import Faults
from .keyring import KeyRing
from .ledger import Ledger
from .regions import Regions
from .shelf import Shelf
from .subscriptions import Subscriptions


@dataclass(frozen=True)
class World:
    """The state of one process. `controls` is, by account, what whoever configured it said must be found there."""

    analyzers: Analyzers = field(default_factory=Analyzers)
    controls: dict[str, dict] = field(default_factory=dict)
    faults: Faults = field(default_factory=Faults)
    keys: KeyRing = field(default_factory=KeyRing)
    ledger: Ledger = field(default_factory=Ledger)
    regions: Regions = field(default_factory=Regions)
    shelf: Shelf = field(default_factory=Shelf)
    subscriptions: Subscriptions = field(default_factory=Subscriptions)

    def reset(self) -> None:
        """Forgets findings and what tests did; keys, roles, users and all other configuration stay, so that credentials stay good."""
        for part in (self.faults, self.ledger, self.regions, self.shelf, self.subscriptions):
            part.clear()


@dataclass(frozen=True)
class Ask:
    """What an authenticated caller asks of a service: path labels, query parameters, JSON body."""

    account: str
    region: str
    labels: dict[str, str]
    parameters: dict[str, str]
    body: dict
