"""AWS Security Hub: the hub of a Region, its findings, and what others import into it."""

from datetime import UTC, datetime, timedelta

from .criteria import attributes, sort_key
from .paging import page, size
from .refusal import Reason, Refusal
from .shelf import identity
from .world import Ask, World

TEXTS = {
    "AwsAccountId": "AwsAccountId",
    "CompanyName": "CompanyName",
    "ComplianceSecurityControlId": "Compliance.SecurityControlId",
    "ComplianceStatus": "Compliance.Status",
    "GeneratorId": "GeneratorId",
    "Id": "Id",
    "ProductArn": "ProductArn",
    "ProductName": "ProductName",
    "RecordState": "RecordState",
    "Region": "Region",
    "ResourceId": "Resources.Id",
    "ResourceType": "Resources.Type",
    "SeverityLabel": "Severity.Label",
    "Title": "Title",
    "Type": "Types",
    "WorkflowStatus": "Workflow.Status",
}
TIMES = ("CreatedAt", "FirstObservedAt", "LastObservedAt", "UpdatedAt")
COMPARISONS = {"EQUALS": str.__eq__, "PREFIX": str.startswith}
NEGATIONS = {"NOT_EQUALS": "EQUALS", "PREFIX_NOT_EQUALS": "PREFIX"}


def describe_hub(world: World, ask: Ask) -> dict:
    """DescribeHub; refused where Security Hub is off."""
    _require_on(world, ask)
    return world.subscriptions.hub(ask.account, ask.region)


def get_findings(world: World, ask: Ask) -> dict:
    """GetFindings, newest first unless asked otherwise."""
    _require_on(world, ask)
    filters = ask.body.get("Filters") or {}
    sorts = ask.body.get("SortCriteria") or [{"Field": "UpdatedAt", "SortOrder": "desc"}]
    if len(sorts) != 1 or sorts[0].get("Field") not in (*TIMES, *TEXTS):
        raise Refusal(Reason.INVALID, "The stand-in sorts by one field, and only by one that it can filter by.")
    field = sorts[0]["Field"]
    now = datetime.now(UTC)
    findings = world.shelf.findings(("securityhub", ask.account, ask.region))
    shown, token = page(
        [finding for finding in findings if all(_holds(finding, name, filters[name], now) for name in filters)],
        lambda finding: (*sort_key(finding, TEXTS.get(field, field)), identity("securityhub", finding)),
        size(ask.body.get("MaxResults"), default=10, most=100),
        ask.body.get("NextToken"),
        [filters, sorts],
        descending=sorts[0].get("SortOrder") == "desc",
    )
    return {"Findings": shown} | ({"NextToken": token} if token else {})


def batch_import_findings(world: World, ask: Ask) -> dict:
    """BatchImportFindings: takes every document as it is."""
    _require_on(world, ask)
    findings = ask.body.get("Findings") or []
    if not 1 <= len(findings) <= 100:
        raise Refusal(Reason.INVALID, "Invalid parameter 'Findings'. A request takes 1 to 100 findings.")
    try:
        world.shelf.put(("securityhub", ask.account, ask.region), findings)
    except KeyError as missing:
        raise Refusal(Reason.INVALID, f"A finding lacks {missing}.") from None
    return {"FailedCount": 0, "SuccessCount": len(findings), "FailedFindings": []}


def _require_on(world: World, ask: Ask) -> None:
    if not world.subscriptions.is_on("securityhub", ask.account, ask.region):
        raise Refusal(Reason.NOT_SUBSCRIBED, f"Account {ask.account} is not subscribed to AWS Security Hub")


def _holds(finding: dict, name: str, alternatives: list[dict], now: datetime) -> bool:
    if name in TIMES:
        return any(_within(finding.get(name), span, now) for span in alternatives)
    if name not in TEXTS:
        raise Refusal(Reason.INVALID, f"The stand-in cannot filter by {name}.")
    values = attributes(finding, TEXTS[name])
    wanted = [alternative for alternative in alternatives if alternative["Comparison"] in COMPARISONS]
    unwanted = [alternative for alternative in alternatives if alternative["Comparison"] in NEGATIONS]
    if len(wanted) + len(unwanted) != len(alternatives) or (unwanted and any(term["Comparison"] == "EQUALS" for term in wanted)):
        raise Refusal(Reason.INVALID, f"{name} is compared in ways that GetFindings does not have or does not mix.")
    met = any(_compares(values, alternative["Comparison"], alternative["Value"]) for alternative in wanted)
    spoiled = any(_compares(values, NEGATIONS[alternative["Comparison"]], alternative["Value"]) for alternative in unwanted)
    return (met or not wanted) and not spoiled


def _compares(values: list[str], comparison: str, operand: str) -> bool:
    return any(COMPARISONS[comparison](value, operand) for value in values)


def _within(time: str | None, span: dict, now: datetime) -> bool:
    if time is None:
        return False
    at = datetime.fromisoformat(time)
    if "DateRange" in span:
        if span["DateRange"].get("Comparison", "WITHIN") != "WITHIN":
            raise Refusal(Reason.INVALID, "The stand-in knows date ranges of the kind WITHIN only.")
        return at >= now - timedelta(days=span["DateRange"]["Value"])
    start, end = (datetime.fromisoformat(span[edge]) if span.get(edge) else at for edge in ("Start", "End"))
    return start <= at <= end


OPERATIONS = {"DescribeHub": describe_hub, "GetFindings": get_findings, "BatchImportFindings": batch_import_findings}
