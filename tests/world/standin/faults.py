"""Faults: what a test makes go wrong, for whom, where, and how often."""

from dataclasses import dataclass
from enum import Enum
from threading import Event, Lock

from .refusal import Reason, Refusal
from .reply import Reply

PROXY_PAGE = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"


class Kind(Enum):
    """How a call goes wrong."""

    DENY = "deny"
    THROTTLE = "throttle"
    ERROR500 = "error500"
    HTML = "html"
    HANG = "hang"
    SLOW = "slow"


@dataclass
class Fault:
    """One fault. An empty `account`, `region` or `operation` means any; `times` None means until cleared."""

    kind: Kind
    service: str
    account: str = ""
    region: str = ""
    operation: str = ""
    times: int | None = None
    seconds: float = 2.0

    def meets(self, account: str, service: str, region: str, operation: str) -> bool:
        wanted = ((self.account, account), (self.service, service), (self.region, region), (self.operation, operation))
        return self.times != 0 and all(mine in ("", theirs) for mine, theirs in wanted)


class Faults:
    """The faults in force, the oldest first."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = Lock()
        self._cleared = Event()

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        """Ends all faults and lets go of the calls that they hold up."""
        with self._lock:
            self._faults.clear()
            cleared, self._cleared = self._cleared, Event()
        cleared.set()

    def strike(self, account: str, service: str, region: str, operation: str, denial: str) -> Reply | None:
        """Lets the first fault that meets the call happen to it.

        Out: an answer to send instead of the real one, or None to go on. Raises `Refusal` for what AWS would refuse,
        ConnectionResetError at the end of a hang.
        """
        with self._lock:
            fault = next((fault for fault in self._faults if fault.meets(account, service, region, operation)), None)
            cleared = self._cleared
            if fault is None:
                return None
            if fault.times is not None:
                fault.times -= 1
        match fault.kind:
            case Kind.DENY:
                raise Refusal(Reason.DENIED, denial)
            case Kind.THROTTLE:
                raise Refusal(Reason.THROTTLED, "Rate exceeded")
            case Kind.ERROR500:
                raise Refusal(Reason.INTERNAL, "An internal error has occurred. Try again later.")
            case Kind.HTML:
                return Reply(502, "text/html", PROXY_PAGE)
            case Kind.HANG:
                cleared.wait()
                raise ConnectionResetError("a call that hung is never answered")
            case Kind.SLOW:
                cleared.wait(fault.seconds)
                return None
