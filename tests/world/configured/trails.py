"""CloudTrail: the trails of the home Region, where they write, and what they see."""

from typing import NamedTuple

from .site import Site

LOG_GROUP = "trail"
OBJECTS = [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3"]}]
ALL = {"ReadWriteType": "All", "IncludeManagementEvents": True, "DataResources": []}
ALL_AND_OBJECTS = ALL | {"DataResources": OBJECTS}
OBJECT_WRITES = {"ReadWriteType": "WriteOnly", "IncludeManagementEvents": False, "DataResources": OBJECTS}


class Trail(NamedTuple):
    """A trail. A good one covers all Regions, validates, encrypts, and writes to CloudWatch Logs; a poor one does none of it."""

    name: str
    good: bool
    bucket: str
    logging: bool
    selectors: tuple[dict, ...]


TRAILS = {
    "hardened": (Trail("audit", True, "logs", True, (ALL_AND_OBJECTS,)),),
    "mixed": (Trail("audit", True, "logs", True, (ALL, OBJECT_WRITES)), Trail("audit-local", False, "assets", True, ())),
    "bad": (Trail("old-audit", False, "logs", False, ()),),
}
BUCKET_IS_PUBLIC = {"hardened": (), "mixed": ("assets",), "bad": ("logs",)}
COVERED = {
    "hardened": {"CloudTrail.1": True, "S3.22": True, "S3.23": True},
    "mixed": {"CloudTrail.1": True, "S3.22": True, "S3.23": False},
    "bad": {"CloudTrail.1": False, "S3.22": False, "S3.23": False},
}


def configure(site: Site) -> None:
    site.client("logs").create_log_group(logGroupName=LOG_GROUP)
    for trail in TRAILS[site.profile]:
        _make(site, trail)
        _judge(site, trail)
    for region in site.regions:
        for control, holds in COVERED[site.profile].items():
            site.judge(holds, control, region=region)


def _make(site: Site, trail: Trail) -> None:
    cloudtrail = site.client("cloudtrail")
    settings = {}
    if trail.good:
        settings = {
            "IsMultiRegionTrail": True,
            "EnableLogFileValidation": True,
            "KmsKeyId": site.keys[site.home],
            "CloudWatchLogsLogGroupArn": f"arn:aws:logs:{site.home}:{site.account}:log-group:{LOG_GROUP}:*",
            "CloudWatchLogsRoleArn": site.role("trail-to-logs"),
        }
    bucket = site.buckets[site.home][trail.bucket].name
    cloudtrail.create_trail(Name=trail.name, S3BucketName=bucket, IncludeGlobalServiceEvents=True, **settings)
    if trail.selectors:
        cloudtrail.put_event_selectors(TrailName=trail.name, EventSelectors=list(trail.selectors))
    if trail.logging:
        cloudtrail.start_logging(Name=trail.name)


def _judge(site: Site, trail: Trail) -> None:
    arn = f"arn:aws:cloudtrail:{site.home}:{site.account}:trail/{trail.name}"
    site.judge(trail.good, "CloudTrail.2", "CloudTrail.4", "CloudTrail.5", resource=arn, region=site.home)
    bucket = site.buckets[site.home][trail.bucket].arn
    site.judge(trail.bucket not in BUCKET_IS_PUBLIC[site.profile], "CloudTrail.6", resource=bucket, region=site.home)
    site.judge(trail.good, "CloudTrail.7", resource=bucket, region=site.home)
