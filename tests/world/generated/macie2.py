"""Macie findings, as GetFindings returns them: sensitive data in objects, and buckets with a dangerous policy."""

from datetime import datetime

from .dice import NETWORK_OWNERS, PLACES, Dice, iso
from .estate import Bucket, Estate
from .profiles import Profile

SENSITIVE = (
    ("SensitiveData:S3Object/Personal", "PERSONAL_INFORMATION", ("NAME", "ADDRESS", "PHONE_NUMBER")),
    ("SensitiveData:S3Object/Financial", "FINANCIAL_INFORMATION", ("CREDIT_CARD_NUMBER", "BANK_ACCOUNT_NUMBER")),
    ("SensitiveData:S3Object/Credentials", "CREDENTIALS", ("AWS_CREDENTIALS", "OPENSSH_PRIVATE_KEY")),
)
POLICIES = (
    ("Policy:IAMUser/S3BucketPublic", "PutBucketPolicy", "{name} can be read by everybody"),
    ("Policy:IAMUser/S3BucketSharedExternally", "PutBucketAcl", "{name} is shared with another organization"),
    ("Policy:IAMUser/S3BlockPublicAccessDisabled", "PutBucketPublicAccessBlock", "Block Public Access of {name} was switched off"),
    ("Policy:IAMUser/S3BucketReplicatedExternally", "PutBucketReplication", "{name} is copied to another organization"),
)
SCORES = {"LOW": ("Low", 1), "MEDIUM": ("Medium", 2), "HIGH": ("High", 3), "CRITICAL": ("High", 3)}
OBJECTS = (("csv", "text/csv"), ("json", "application/json"), ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"))


def findings(estate: Estate, profile: Profile, count: int, until: datetime) -> list[dict]:
    """`count` findings about the estate's buckets, two thirds of them about data."""
    dice = Dice("macie2", estate.account, estate.region)
    return [_finding(dice, estate, profile, until) for _ in range(count)]


def _finding(dice: Dice, estate: Estate, profile: Profile, until: datetime) -> dict:
    created, updated = dice.life(until)
    word, score = SCORES[profile.severity(dice)]
    bucket = dice.skewed(estate.buckets)
    frame = {
        "accountId": estate.account,
        "archived": dice.random() < profile.settled,
        "count": dice.randint(1, 9),
        "createdAt": iso(created),
        "id": dice.hex(32),
        "partition": "aws",
        "region": estate.region,
        "sample": False,
        "schemaVersion": "1.0",
        "severity": {"description": word, "score": score},
        "updatedAt": iso(updated),
    }
    about = _data(dice, estate, bucket) if dice.random() < 0.66 else _policy(dice, estate, bucket, created, updated)
    return frame | about


def _data(dice: Dice, estate: Estate, bucket: Bucket) -> dict:
    kind, category, types = dice.choice(SENSITIVE)
    extension, mime = dice.choice(OBJECTS)
    key, size = f"intake/{dice.hex(6)}.{extension}", dice.randint(2_000, 9_000_000)
    detections = [{"count": dice.randint(1, 400), "type": name, "occurrences": _occurrences(dice, extension)} for name in types]
    total = sum(detection["count"] for detection in detections)
    job = dice.hex(32)
    result = {
        "additionalOccurrences": True,
        "customDataIdentifiers": {"detections": [], "totalCount": 0},
        "mimeType": mime,
        "sensitiveData": [{"category": category, "detections": detections, "totalCount": total}],
        "sizeClassified": size,
        "status": {"code": "COMPLETE"},
    }
    s3_object = {
        "bucketArn": bucket.arn,
        "eTag": dice.hex(32),
        "extension": extension,
        "key": key,
        "lastModified": iso(bucket.created),
        "path": f"{bucket.name}/{key}",
        "publicAccess": False,
        "serverSideEncryption": {"encryptionType": "AES256"},
        "size": size,
        "storageClass": "STANDARD",
        "tags": [],
    }
    return {
        "category": "CLASSIFICATION",
        "type": kind,
        "title": f"An S3 object holds {category.lower().replace('_', ' ')}.",
        "description": f"{key} in {bucket.name} holds {total} occurrences of {', '.join(types)}.",
        "classificationDetails": {
            "detailedResultsLocation": f"s3://macie-results-{estate.account}/AWSLogs/{job}.jsonl.gz",
            "jobArn": f"arn:aws:macie2:{estate.region}:{estate.account}:classification-job/{job}",
            "jobId": job,
            "originType": "SENSITIVE_DATA_DISCOVERY_JOB",
            "result": result,
        },
        "resourcesAffected": {"s3Bucket": _bucket(estate, bucket, public=False), "s3Object": s3_object},
    }


def _occurrences(dice: Dice, extension: str) -> dict:
    row = dice.randint(2, 4000)
    if extension == "json":
        return {"records": [{"jsonPath": "$.customer.contact", "recordIndex": row}]}
    return {"cells": [{"cellReference": f"C{row}", "column": 3, "columnName": "contact", "row": row}]}


def _policy(dice: Dice, estate: Estate, bucket: Bucket, created: datetime, updated: datetime) -> dict:
    kind, api, title = dice.choice(POLICIES)
    user = dice.skewed(estate.users)
    city, code, country, lat, lon = dice.choice(PLACES)
    asn, asn_org, owner = dice.choice(NETWORK_OWNERS)
    address = {
        "ipAddressV4": dice.address(),
        "ipCity": {"name": city},
        "ipCountry": {"code": code, "name": country},
        "ipGeoLocation": {"lat": lat, "lon": lon},
        "ipOwner": {"asn": asn, "asnOrg": asn_org, "isp": owner, "org": owner},
    }
    iam_user = {"accountId": estate.account, "arn": user.arn, "principalId": f"AIDA{user.id.upper()}", "userName": user.name}
    call = {"api": api, "apiServiceName": "s3.amazonaws.com", "firstSeen": iso(created), "lastSeen": iso(updated)}
    return {
        "category": "POLICY",
        "type": kind,
        "title": f"{title.format(name=bucket.name)}.",
        "description": f"{title.format(name=bucket.name)} since {user.name} called {api}.",
        "policyDetails": {
            "action": {"actionType": "AWS_API_CALL", "apiCallDetails": call},
            "actor": {"ipAddressDetails": address, "userIdentity": {"type": "IAMUser", "iamUser": iam_user}},
        },
        "resourcesAffected": {"s3Bucket": _bucket(estate, bucket, public=True)},
    }


def _bucket(estate: Estate, bucket: Bucket, public: bool) -> dict:
    blocked = dict.fromkeys(("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"), not public)
    granted = {"allowsPublicReadAccess": public, "allowsPublicWriteAccess": False}
    permissions = {
        "accountLevelPermissions": {"blockPublicAccess": dict.fromkeys(blocked, False)},
        "bucketLevelPermissions": {"accessControlList": granted, "blockPublicAccess": blocked, "bucketPolicy": granted},
    }
    return {
        "allowsUnencryptedObjectUploads": "FALSE",
        "arn": bucket.arn,
        "createdAt": iso(bucket.created),
        "defaultServerSideEncryption": {"encryptionType": "AES256"},
        "name": bucket.name,
        "owner": {"displayName": "operations", "id": bucket.owner},
        "publicAccess": {"effectivePermission": "PUBLIC" if public else "NOT_PUBLIC", "permissionConfiguration": permissions},
        "tags": [{"key": key, "value": value} for key, value in estate.tags(bucket.name).items()],
    }
