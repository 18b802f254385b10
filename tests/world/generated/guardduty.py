"""GuardDuty findings, as GetFindings returns them."""

import json
from datetime import datetime

from standin.detector import detector_id

from .dice import Dice, iso
from .estate import Estate
from .guardduty_actions import ACTIONS, Scene
from .guardduty_resources import RESOURCES
from .profiles import Profile
from .threats import BANDS, Threat

THREAT_LISTS = ("Hollow Lantern feed", "Marsh Watch")
KNOWN_BY_LIST = ("BitcoinTool", "C&CActivity", "DropPoint", "MaliciousIPCaller", "Tor")
TARGETED = ("inbound", "probe", "login", "kubernetes", "api")


def findings(estate: Estate, profile: Profile, count: int, until: datetime) -> list[dict]:
    """`count` findings about the estate."""
    dice = Dice("guardduty", estate.account, estate.region)
    return [_finding(dice, estate, profile, until) for _ in range(count)]


def _finding(dice: Dice, estate: Estate, profile: Profile, until: datetime) -> dict:
    threat = dice.choice(BANDS[profile.severity(dice)])
    created, updated = dice.life(until)
    resource, subject = RESOURCES[threat.resource](dice, estate)
    seen = ACTIONS[threat.action](Scene(dice, estate, threat, subject, created, updated))
    detector, finding = detector_id(estate.account, estate.region), dice.hex(32)
    title = threat.title.format(name=subject.name)
    return {
        "schemaVersion": "2.0",
        "accountId": estate.account,
        "region": estate.region,
        "partition": "aws",
        "id": finding,
        "arn": f"arn:aws:guardduty:{estate.region}:{estate.account}:detector/{detector}/finding/{finding}",
        "type": threat.type,
        "resource": resource,
        "service": seen
        | _evidence(dice, threat)
        | {
            "serviceName": "guardduty",
            "detectorId": detector,
            "resourceRole": "TARGET" if threat.action in TARGETED else "ACTOR",
            "eventFirstSeen": iso(created),
            "eventLastSeen": iso(updated),
            "archived": dice.random() < profile.settled,
            "count": dice.randint(1, 40),
            "additionalInfo": {"type": "default", "value": json.dumps({"threatListName": dice.choice(THREAT_LISTS)})},
        },
        "severity": threat.severity,
        "createdAt": iso(created),
        "updatedAt": iso(updated),
        "title": f"{title}.",
        "description": f"{title}. It was first seen at {iso(created)} in {estate.region} and last at {iso(updated)}.",
    }


def _evidence(dice: Dice, threat: Threat) -> dict:
    """The threat list that knew the other side, for the types that come from one."""
    if not any(word in threat.type for word in KNOWN_BY_LIST):
        return {}
    known = {"threatListName": dice.choice(THREAT_LISTS), "threatNames": [threat.type.partition("/")[2]]}
    return {"evidence": {"threatIntelligenceDetails": [known]}}
