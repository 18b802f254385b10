"""Amazon Inspector: the findings of a Region. Times are seconds since 1970, as on the real wire."""

from .criteria import attributes, sort_key
from .paging import page, size
from .refusal import Reason, Refusal
from .world import Ask, World

TEXTS = {
    "awsAccountId": "awsAccountId",
    "ecrImageRepositoryName": "resources.details.awsEcrContainerImage.repositoryName",
    "exploitAvailable": "exploitAvailable",
    "findingArn": "findingArn",
    "findingStatus": "status",
    "findingType": "type",
    "fixAvailable": "fixAvailable",
    "lambdaFunctionName": "resources.details.awsLambdaFunction.functionName",
    "resourceId": "resources.id",
    "resourceType": "resources.type",
    "severity": "severity",
    "title": "title",
    "vulnerabilityId": "packageVulnerabilityDetails.vulnerabilityId",
}
TIMES = ("firstObservedAt", "lastObservedAt", "updatedAt")
SORTS = {
    "AWS_ACCOUNT_ID": "awsAccountId",
    "EPSS_SCORE": "epss.score",
    "FINDING_STATUS": "status",
    "FINDING_TYPE": "type",
    "FIRST_OBSERVED_AT": "firstObservedAt",
    "INSPECTOR_SCORE": "inspectorScore",
    "LAST_OBSERVED_AT": "lastObservedAt",
    "RESOURCE_TYPE": "resources.type",
    "SEVERITY": "severity",
    "VULNERABILITY_ID": "packageVulnerabilityDetails.vulnerabilityId",
}


def list_findings(world: World, ask: Ask) -> dict:
    """ListFindings: whole documents."""
    if not world.subscriptions.is_on("inspector2", ask.account, ask.region):
        raise Refusal(Reason.NOT_SUBSCRIBED, "Invoking account is not enabled.")
    criteria = ask.body.get("filterCriteria") or {}
    sort = ask.body.get("sortCriteria") or {"field": "LAST_OBSERVED_AT", "sortOrder": "DESC"}
    if sort.get("field") not in SORTS:
        raise Refusal(Reason.INVALID, f"The stand-in cannot sort by {sort.get('field')}.")
    findings = world.shelf.findings(("inspector2", ask.account, ask.region))
    shown, token = page(
        [finding for finding in findings if _meets(finding, criteria)],
        lambda finding: (*sort_key(finding, SORTS[sort["field"]]), finding["findingArn"]),
        size(ask.body.get("maxResults"), default=100, most=100),
        ask.body.get("nextToken"),
        [criteria, sort],
        descending=sort.get("sortOrder") == "DESC",
    )
    return {"findings": shown} | ({"nextToken": token} if token else {})


def _meets(finding: dict, criteria: dict) -> bool:
    return all(_holds(finding, name, alternatives) for name, alternatives in criteria.items())


def _holds(finding: dict, name: str, alternatives: list[dict]) -> bool:
    if name in TIMES:
        return any(_within(finding.get(name), span) for span in alternatives)
    if name not in TEXTS:
        raise Refusal(Reason.INVALID, f"The stand-in cannot filter by {name}.")
    values = attributes(finding, TEXTS[name])
    return any(_compares(values, alternative) for alternative in alternatives)


def _within(time: float | None, span: dict) -> bool:
    return time is not None and span.get("startInclusive", time) <= time <= span.get("endInclusive", time)


def _compares(values: list[str], alternative: dict) -> bool:
    wanted = alternative["value"]
    match alternative["comparison"]:
        case "EQUALS":
            return wanted in values
        case "PREFIX":
            return any(value.startswith(wanted) for value in values)
        case "NOT_EQUALS":
            return wanted not in values
    raise Refusal(Reason.INVALID, f"The comparison {alternative['comparison']} does not exist.")


OPERATIONS = {"ListFindings": list_findings}
