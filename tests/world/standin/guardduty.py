"""Amazon GuardDuty: the detectors of a Region and their findings."""

from .criteria import meets, sort_key
from .paging import page, size
from .refusal import Reason, Refusal
from .world import Ask, World

NOT_OWNED = "The request is rejected because the input detectorId is not owned by the current account."


def list_detectors(world: World, ask: Ask) -> dict:
    """ListDetectors: empty where GuardDuty is off."""
    asked = ask.parameters.get("maxResults")
    most = size(int(asked) if asked and asked.isdigit() else asked, default=50, most=50)
    detectors = world.subscriptions.detectors(ask.account, ask.region)
    shown, token = page(detectors, lambda detector: (detector,), most, ask.parameters.get("nextToken"), "detectors")
    return {"detectorIds": shown, "nextToken": token or ""}


def list_findings(world: World, ask: Ask) -> dict:
    """ListFindings: ids only. The last page's token is the empty string, as GuardDuty has it."""
    found = [finding for finding in _findings(world, ask) if meets(finding, ask.body.get("findingCriteria"))]
    sort = ask.body.get("sortCriteria") or {}
    attribute = sort.get("attributeName", "updatedAt")
    shown, token = page(
        found,
        lambda finding: (*sort_key(finding, attribute), finding["id"]),
        size(ask.body.get("maxResults"), default=50, most=50),
        ask.body.get("nextToken"),
        [ask.labels["DetectorId"], ask.body.get("findingCriteria"), sort],
        descending=sort.get("orderBy") == "DESC",
    )
    return {"findingIds": [finding["id"] for finding in shown], "nextToken": token or ""}


def get_findings(world: World, ask: Ask) -> dict:
    """GetFindings of at most 50 ids; an id that stands for nothing is left out."""
    ids = ask.body.get("findingIds") or []
    if not 1 <= len(ids) <= 50:
        raise Refusal(Reason.INVALID, "The request is rejected because the parameter findingIds has an invalid value.")
    return {"findings": [finding for finding in _findings(world, ask) if finding["id"] in ids]}


def _findings(world: World, ask: Ask) -> list[dict]:
    if ask.labels["DetectorId"] not in world.subscriptions.detectors(ask.account, ask.region):
        raise Refusal(Reason.INVALID, NOT_OWNED)
    return world.shelf.findings(("guardduty", ask.account, ask.region))


OPERATIONS = {"ListDetectors": list_detectors, "ListFindings": list_findings, "GetFindings": get_findings}
