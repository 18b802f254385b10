"""IAM Access Analyzer: which analyzers a Region has. What they find is nobody's question here."""

from datetime import UTC, datetime

from .paging import page
from .refusal import Reason, Refusal
from .world import Ask, World

KINDS = ("ACCOUNT", "ACCOUNT_UNUSED_ACCESS", "ACCOUNT_INTERNAL_ACCESS", "ORGANIZATION", "ORGANIZATION_UNUSED_ACCESS")


def create_analyzer(world: World, ask: Ask) -> dict:
    """CreateAnalyzer: active at once."""
    name, kind = ask.body.get("analyzerName"), ask.body.get("type")
    if not isinstance(name, str) or kind not in KINDS:
        raise Refusal(Reason.INVALID, "An analyzer needs a name and a type that exists.")
    arn = f"arn:aws:access-analyzer:{ask.region}:{ask.account}:analyzer/{name}"
    since = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    analyzer = {"arn": arn, "name": name, "type": kind, "createdAt": since, "status": "ACTIVE", "tags": ask.body.get("tags") or {}}
    if not world.analyzers.add(ask.account, ask.region, analyzer):
        raise Refusal(Reason.CONFLICT, f"Analyzer with name '{name}' already exists.")
    return {"arn": arn}


def list_analyzers(world: World, ask: Ask) -> dict:
    """ListAnalyzers, of one type or of all."""
    kind, most = ask.parameters.get("type"), ask.parameters.get("maxResults", "100")
    if (kind and kind not in KINDS) or not (most.isdigit() and int(most) > 0):
        raise Refusal(Reason.INVALID, "The type does not exist, or maxResults is not a number.")
    analyzers = [analyzer for analyzer in world.analyzers.of(ask.account, ask.region) if kind in (None, analyzer["type"])]
    shown, token = page(analyzers, lambda analyzer: (analyzer["name"],), int(most), ask.parameters.get("nextToken"), kind)
    return {"analyzers": shown} | ({"nextToken": token} if token else {})


OPERATIONS = {"CreateAnalyzer": create_analyzer, "ListAnalyzers": list_analyzers}
