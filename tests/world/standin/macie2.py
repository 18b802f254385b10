"""Amazon Macie: the session of a Region and its findings."""

from .criteria import meets, sort_key
from .paging import page, size
from .refusal import Reason, Refusal
from .world import Ask, World


def get_macie_session(world: World, ask: Ask) -> dict:
    """GetMacieSession; refused where Macie is off."""
    _require_on(world, ask)
    since = world.subscriptions.since("macie2", ask.account, ask.region).strftime("%Y-%m-%dT%H:%M:%SZ")
    role = f"arn:aws:iam::{ask.account}:role/aws-service-role/macie.amazonaws.com/AWSServiceRoleForAmazonMacie"
    return {
        "createdAt": since,
        "findingPublishingFrequency": "FIFTEEN_MINUTES",
        "serviceRole": role,
        "status": "ENABLED",
        "updatedAt": since,
    }


def list_findings(world: World, ask: Ask) -> dict:
    """ListFindings: ids only."""
    _require_on(world, ask)
    findings = world.shelf.findings(("macie2", ask.account, ask.region))
    sort = ask.body.get("sortCriteria") or {}
    attribute = sort.get("attributeName", "updatedAt")
    shown, token = page(
        [finding for finding in findings if meets(finding, ask.body.get("findingCriteria"))],
        lambda finding: (*sort_key(finding, attribute), finding["id"]),
        size(ask.body.get("maxResults"), default=50, most=50),
        ask.body.get("nextToken"),
        [ask.body.get("findingCriteria"), sort],
        descending=sort.get("orderBy") == "DESC",
    )
    return {"findingIds": [finding["id"] for finding in shown]} | ({"nextToken": token} if token else {})


def get_findings(world: World, ask: Ask) -> dict:
    """GetFindings of at most 50 ids; an id that stands for nothing is left out."""
    _require_on(world, ask)
    ids = ask.body.get("findingIds") or []
    if not 1 <= len(ids) <= 50:
        raise Refusal(Reason.INVALID, "The request failed because you can specify only 1-50 finding IDs.")
    return {"findings": [f for f in world.shelf.findings(("macie2", ask.account, ask.region)) if f["id"] in ids]}


def _require_on(world: World, ask: Ask) -> None:
    if not world.subscriptions.is_on("macie2", ask.account, ask.region):
        raise Refusal(Reason.NOT_SUBSCRIBED, "Macie is not enabled.")


OPERATIONS = {"GetMacieSession": get_macie_session, "ListFindings": list_findings, "GetFindings": get_findings}
