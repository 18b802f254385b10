"""S3 buckets and the account's block of public access."""

import json
from typing import NamedTuple

from generated.estate import Bucket

from .site import Site

BLOCK = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


class Kept(NamedTuple):
    """How a bucket is kept. `blocks` is how many of `BLOCK` are on; `public` is how everybody gets in, or "" for not."""

    system: str
    blocks: int = 4
    encrypted: bool = True
    tls_only: bool = True
    versioned: bool = True
    mfa_delete: bool = False
    logged: bool = True
    expires: bool = False
    public: str = ""


NEGLECTED = Kept("", blocks=0, encrypted=False, tls_only=False, versioned=False, logged=False)
KEPT = {
    "hardened": (
        Kept("billing", mfa_delete=True),
        Kept("exports", mfa_delete=True),
        Kept("logs", expires=True),
        Kept("assets", mfa_delete=True),
        Kept("backup", mfa_delete=True),
    ),
    "mixed": (
        Kept("billing", mfa_delete=True),
        Kept("exports", blocks=3, tls_only=False),
        Kept("logs", expires=True),
        NEGLECTED._replace(system="assets", public="policy"),
        Kept("backup", encrypted=False, versioned=False, logged=False),
    ),
    "bad": (
        NEGLECTED._replace(system="billing"),
        NEGLECTED._replace(system="exports", public="acl"),
        NEGLECTED._replace(system="logs", public="policy"),
        NEGLECTED._replace(system="assets", blocks=2, public="policy"),
        NEGLECTED._replace(system="backup", versioned=True),
    ),
}
ACCOUNT_BLOCKS = {"hardened": 4, "mixed": 2, "bad": 0}
RULE = {"ID": "expire", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 400}}


def configure(site: Site) -> None:
    _block_account(site)
    for region in site.regions:
        buckets = {kept.system: bucket for kept, bucket in zip(KEPT[site.profile], site.estates[region].buckets, strict=True)}
        site.buckets[region] = buckets
        for kept in KEPT[site.profile]:
            _make(site, region, buckets[kept.system])
        for kept in KEPT[site.profile]:
            _keep(site, region, buckets[kept.system], kept)
            _judge(site, region, buckets[kept.system].arn, kept)


def _block(count: int) -> dict[str, bool]:
    return {setting: place < count for place, setting in enumerate(BLOCK)}


def _block_account(site: Site) -> None:
    """S3 Control's own host name begins with the account, which no loopback address does."""
    control = site.client("s3control")
    host = f"//{site.account}."
    control.meta.events.register("before-sign.s3-control", lambda request, **_: setattr(request, "url", request.url.replace(host, "//")))
    count = ACCOUNT_BLOCKS[site.profile]
    if count:
        control.put_public_access_block(AccountId=site.account, PublicAccessBlockConfiguration=_block(count))
    site.judge(count == 4, "S3.1")


def _make(site: Site, region: str, bucket: Bucket) -> None:
    place = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    site.client("s3", region).create_bucket(Bucket=bucket.name, ObjectOwnership="ObjectWriter", **place)


def _keep(site: Site, region: str, bucket: Bucket, kept: Kept) -> None:
    s3, which = site.client("s3", region), {"Bucket": bucket.name}
    if kept.blocks:
        s3.put_public_access_block(**which, PublicAccessBlockConfiguration=_block(kept.blocks))
        s3.put_bucket_ownership_controls(**which, OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]})
    if kept.encrypted:
        encryption = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": site.keys[region]}
        rules = [{"ApplyServerSideEncryptionByDefault": encryption, "BucketKeyEnabled": True}]
        s3.put_bucket_encryption(**which, ServerSideEncryptionConfiguration={"Rules": rules})
    if kept.versioned:
        versioning = {"Status": "Enabled"} | ({"MFADelete": "Enabled"} if kept.mfa_delete else {})
        s3.put_bucket_versioning(**which, VersioningConfiguration=versioning)
    if kept.logged:
        target = {"TargetBucket": site.buckets[region]["logs"].name, "TargetPrefix": f"{kept.system}/"}
        s3.put_bucket_logging(**which, BucketLoggingStatus={"LoggingEnabled": target})
    if kept.expires:
        s3.put_bucket_lifecycle_configuration(**which, LifecycleConfiguration={"Rules": [RULE]})
    if statements := _statements(bucket.arn, kept):
        s3.put_bucket_policy(**which, Policy=json.dumps({"Version": "2012-10-17", "Statement": statements}))
    if kept.public == "acl":
        s3.put_bucket_acl(**which, ACL="public-read-write")


def _statements(arn: str, kept: Kept) -> list[dict]:
    statements = []
    if kept.tls_only:
        plain = {"Bool": {"aws:SecureTransport": "false"}}
        statements.append({"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": [arn, f"{arn}/*"], "Condition": plain})
    if kept.system == "logs":
        writers = ["cloudtrail.amazonaws.com", "config.amazonaws.com", "logging.s3.amazonaws.com"]
        statements.append({"Effect": "Allow", "Principal": {"Service": writers}, "Action": "s3:PutObject", "Resource": f"{arn}/*"})
    if kept.public == "policy":
        statements.append({"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"{arn}/*"})
    return statements


def _judge(site: Site, region: str, arn: str, kept: Kept) -> None:
    """MFA delete and lifecycle rules exclude each other; S3.20 does not judge a bucket with a lifecycle."""
    verdicts = {
        "S3.2": not kept.public,
        "S3.3": kept.public != "acl",
        "S3.4": kept.encrypted,
        "S3.5": kept.tls_only,
        "S3.8": kept.blocks == len(BLOCK),
        "S3.9": kept.logged,
        "S3.13": kept.expires,
        "S3.14": kept.versioned,
    }
    for control, holds in verdicts.items():
        site.judge(holds, control, resource=arn, region=region)
    if not kept.expires:
        site.judge(kept.mfa_delete, "S3.20", resource=arn, region=region)
