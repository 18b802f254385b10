"""The GuardDuty detectors that the stand-in makes; a file of its own so that findings can name them without loading moto."""

import hashlib


def detector_id(account: str, region: str) -> str:
    """The detector's id: always the same for an account and Region."""
    return hashlib.sha256(f"guardduty/{account}/{region}".encode()).hexdigest()[:32]
