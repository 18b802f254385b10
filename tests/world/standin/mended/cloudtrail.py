"""AWS CloudTrail: trails that can be asked about from every Region, and what they delivered last."""

import json
from datetime import UTC, datetime
from functools import wraps

from moto.cloudtrail.models import CloudTrailBackend, Trail, cloudtrail_backends
from moto.cloudtrail.responses import CloudTrailResponse

DEFAULT_SELECTOR = {
    "ReadWriteType": "All",
    "IncludeManagementEvents": True,
    "DataResources": [],
    "ExcludeManagementEventSources": [],
}


def mend() -> None:
    Trail.description = _described(Trail.description)
    Trail.get_event_selectors = _selected(Trail.get_event_selectors)
    CloudTrailBackend.get_event_selectors = _selectors_by_name_or_arn
    CloudTrailResponse.describe_trails = _trails
    CloudTrailResponse.get_trail_status = _trail_status


def _described(describe):
    @wraps(describe)
    def described(trail: Trail, *args, **kwargs) -> dict:
        """Without the nulls that moto puts where AWS puts nothing."""
        custom = bool(trail.event_selectors or trail.advanced_event_selectors)
        description = describe(trail, *args, **kwargs) | {"HasCustomEventSelectors": custom}
        return {name: value for name, value in description.items() if value not in (None, "")}

    return described


def _selected(select):
    @wraps(select)
    def selected(trail: Trail) -> tuple[list[dict], list[dict]]:
        """A trail that nobody configured logs all management events."""
        basic, advanced = select(trail)
        return (basic, advanced) if basic or advanced else ([DEFAULT_SELECTOR], [])

    return selected


def _selectors_by_name_or_arn(backend: CloudTrailBackend, trail_name: str) -> tuple[str, list[dict], list[dict]]:
    trail = _trail(backend, trail_name)
    return trail.arn, *trail.get_event_selectors()


def _trails(response: CloudTrailResponse) -> str:
    """DescribeTrails, of all trails or of those that are named."""
    backend, names = response.cloudtrail_backend, response._get_param("trailNameList") or []
    trails = backend.describe_trails(response._get_bool_param("includeShadowTrails", True))
    wanted = [trail for trail in trails if not names or trail.arn in names or trail.trail_name in names]
    return json.dumps({"trailList": [trail.description(include_region=True) for trail in wanted]})


def _trail_status(response: CloudTrailResponse) -> str:
    trail = _trail(response.cloudtrail_backend, response._get_param("Name"))
    status = {name: value for name, value in trail.status.description().items() if value not in (None, "")}
    if trail.status.is_logging:
        now = int(datetime.now(UTC).timestamp())
        status |= {"LatestDigestDeliveryTime": now} if trail.log_validation else {}
        status |= {"LatestCloudWatchLogsDeliveryTime": now} if trail.cw_log_group_arn else {}
    return json.dumps(status)


def _trail(backend: CloudTrailBackend, name: str) -> Trail:
    """By its ARN from any Region, by its name at home. Raises moto's TrailNotFoundException."""
    for home in list(cloudtrail_backends[backend.account_id].values()):
        for trail in home.trails.values():
            if trail.arn == name:
                return trail
    return backend.get_trail(name)
