"""Which service is switched on in which account and Region. A fresh account has none on, as in AWS.

GuardDuty and Security Hub keep the switch in moto's own state, so that CreateDetector or EnableSecurityHub turn it too.
"""

from datetime import UTC, datetime
from threading import Lock

from moto.guardduty.models import guardduty_backends
from moto.securityhub.models import securityhub_backends

from .detector import detector_id
from .shelf import IDENTITY


class Subscriptions:
    """The switches."""

    def __init__(self) -> None:
        self._since: dict[tuple[str, str, str], datetime] = {}
        self._lock = Lock()

    def turn(self, service: str, account: str, region: str, on: bool) -> None:
        """Switches a service on or off. Raises KeyError for a service that has no switch."""
        if service not in IDENTITY:
            raise KeyError(service)
        with self._lock:
            if service == "guardduty":
                _turn_detector(account, region, on)
            elif service == "securityhub":
                _turn_hub(account, region, on)
            elif on:
                self._since.setdefault((service, account, region), datetime.now(UTC))
            else:
                self._since.pop((service, account, region), None)

    def is_on(self, service: str, account: str, region: str) -> bool:
        """Whether the account uses the service in that Region."""
        with self._lock:
            if service == "guardduty":
                return bool(_detectors(account, region))
            if service == "securityhub":
                return _hub(account, region).enabled
            return (service, account, region) in self._since

    def since(self, service: str, account: str, region: str) -> datetime:
        """When Inspector or Macie was switched on. Raises KeyError when it is off."""
        return self._since[service, account, region]

    def detectors(self, account: str, region: str) -> list[str]:
        """The ids of the account's GuardDuty detectors."""
        return sorted(_detectors(account, region))

    def hub(self, account: str, region: str) -> dict:
        """Security Hub's own description of itself; only for a hub that is on."""
        return _hub(account, region).describe_hub()

    def clear(self) -> None:
        """Switches everything off."""
        with self._lock:
            self._since.clear()
            for account, regions in list(guardduty_backends.items()):
                for region in list(regions):
                    _turn_detector(account, region, on=False)
            for account, regions in list(securityhub_backends.items()):
                for region in list(regions):
                    _turn_hub(account, region, on=False)


def _hub(account: str, region: str):
    return securityhub_backends[account][region]


def _turn_hub(account: str, region: str, on: bool) -> None:
    hub = _hub(account, region)
    if on:
        hub.enable_security_hub()
    elif hub.enabled:
        hub.disable_security_hub()


def _detectors(account: str, region: str) -> dict:
    return guardduty_backends[account][region].detectors


def _turn_detector(account: str, region: str, on: bool) -> None:
    detectors = _detectors(account, region)
    if on and not detectors:
        made = guardduty_backends[account][region].create_detector(True, "FIFTEEN_MINUTES", {}, {}, [])
        detector = detectors.pop(made)
        detector.id = detector_id(account, region)
        detectors[detector.id] = detector
    elif not on:
        detectors.clear()
