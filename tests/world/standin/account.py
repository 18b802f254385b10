"""AWS Account Management: the Regions of an account."""

from .paging import page, size
from .refusal import Reason, Refusal
from .world import Ask, World

STATUSES = ("ENABLED", "ENABLING", "DISABLING", "DISABLED", "ENABLED_BY_DEFAULT")


def list_regions(world: World, ask: Ask) -> dict:
    """ListRegions of the caller's own account."""
    if ask.body.get("AccountId", ask.account) != ask.account:
        raise Refusal(Reason.DENIED, "The caller is not an administrator of the organization.")
    wanted = ask.body.get("RegionOptStatusContains") or STATUSES
    if set(wanted) - set(STATUSES):
        raise Refusal(Reason.INVALID, "RegionOptStatusContains names a status that does not exist.")
    regions = [(name, status) for name, status in world.regions.statuses(ask.account).items() if status in wanted]
    most = size(ask.body.get("MaxResults"), default=20, most=50)
    shown, token = page(regions, lambda region: region, most, ask.body.get("NextToken"), sorted(wanted))
    answer = {"Regions": [{"RegionName": name, "RegionOptStatus": status} for name, status in shown]}
    return answer | ({"NextToken": token} if token else {})


OPERATIONS = {"ListRegions": list_regions}
