"""What Prowler leaves in a folder: one array in its ASFF form, one in OCSF (class 2004, version 1.5.0)."""

from datetime import datetime

from .checked import Checked, checked
from .dice import Dice
from .estate import Estate
from .profiles import Profile

VERSION = "5.46.0"
SEVERITY_IDS = {"LOW": 2, "MEDIUM": 3, "HIGH": 4, "CRITICAL": 5}


def documents(estates: list[Estate], profile: Profile, count: int, until: datetime) -> dict[str, list[dict]]:
    """Kind of document -> its findings, `count` in all over the account's estates; no check stands in both documents."""
    asff: list[dict] = []
    ocsf: list[dict] = []
    for place, estate in enumerate(estates):
        dice = Dice("prowler", estate.account, estate.region)
        share = count * (place + 1) // len(estates) - count * place // len(estates)
        pairs = checked(dice, estate)[:share]
        asff += [_asff(dice, estate, profile, pair, until) for pair in pairs[0::2]]
        ocsf += [_ocsf(dice, estate, profile, pair, until) for pair in pairs[1::2]]
    return {"prowler-asff": asff, "prowler-ocsf": ocsf}


def _asff(dice: Dice, estate: Estate, profile: Profile, pair: Checked, until: datetime) -> dict:
    control = pair.control
    failed = dice.random() < profile.failed
    seen = until.strftime("%Y-%m-%dT%H:%M:%SZ")
    standards = [{"StandardsId": "CIS-1.2"}] if control.cis else []
    return {
        "SchemaVersion": "2018-10-08",
        "Id": f"prowler-{control.prowler}-{estate.account}-{estate.region}-{dice.hex(9)}",
        "ProductArn": f"arn:aws:securityhub:{estate.region}::product/prowler/prowler",
        "RecordState": "ACTIVE",
        "ProductFields": {"ProviderName": "Prowler", "ProviderVersion": VERSION, "ProwlerResourceName": pair.name},
        "GeneratorId": f"prowler-{control.prowler}",
        "AwsAccountId": estate.account,
        "Types": ["Software and Configuration Checks"],
        "FirstObservedAt": seen,
        "UpdatedAt": seen,
        "CreatedAt": seen,
        "Severity": {"Label": control.severity},
        "Title": control.title,
        "Description": _verdict(pair, failed),
        "Resources": [{"Type": pair.type, "Id": pair.id, "Partition": "aws", "Region": estate.region, "Tags": estate.tags(pair.name)}],
        "Compliance": {
            "Status": "FAILED" if failed else "PASSED",
            "RelatedRequirements": [f"CIS-1.2 {control.cis}"] if control.cis else [],
            "AssociatedStandards": standards,
        },
        "Remediation": {"Recommendation": {"Text": f"{control.title}.", "Url": f"https://remediation.example.com/{control.prowler}"}},
    }


def _ocsf(dice: Dice, estate: Estate, profile: Profile, pair: Checked, until: datetime) -> dict:
    control = pair.control
    failed = dice.random() < profile.failed
    seen, seen_text = int(until.timestamp()), until.replace(tzinfo=None).isoformat(timespec="microseconds")
    resource = {
        "cloud_partition": "aws",
        "region": estate.region,
        "data": {"details": "", "metadata": {"arn": pair.id, "name": pair.name, "region": estate.region}},
        "group": {"name": control.prowler.partition("_")[0]},
        "labels": [f"{key}:{value}" for key, value in estate.tags(pair.name).items()],
        "name": pair.name,
        "type": pair.type,
        "uid": pair.id,
    }
    product = {"name": "Prowler", "uid": "prowler", "vendor_name": "Prowler", "version": VERSION}
    account = {"name": "", "type": "AWS Account", "type_id": 10, "uid": estate.account, "labels": []}
    return {
        "message": _verdict(pair, failed),
        "metadata": {
            "event_code": control.prowler,
            "product": product,
            "profiles": ["cloud", "datetime"],
            "tenant_uid": "",
            "version": "1.5.0",
        },
        "severity_id": SEVERITY_IDS[control.severity],
        "severity": control.severity.capitalize(),
        "status": "New",
        "status_code": "FAIL" if failed else "PASS",
        "status_detail": _verdict(pair, failed),
        "status_id": 1,
        "unmapped": {"related_url": "", "categories": [], "notes": "", "compliance": {"CIS-1.2": [control.cis]} if control.cis else {}},
        "activity_name": "Create",
        "activity_id": 1,
        "finding_info": {
            "created_time": seen,
            "created_time_dt": seen_text,
            "desc": f"{control.title}.",
            "product_uid": "prowler",
            "title": control.title,
            "types": ["Software and Configuration Checks"],
            "uid": f"prowler-aws-{control.prowler}-{estate.account}-{estate.region}-{pair.name}",
        },
        "resources": [resource],
        "category_name": "Findings",
        "category_uid": 2,
        "class_name": "Detection Finding",
        "class_uid": 2004,
        "cloud": {"account": account, "org": {"name": "", "uid": ""}, "provider": "aws", "region": estate.region},
        "remediation": {"desc": f"{control.title}.", "references": [f"https://remediation.example.com/{control.prowler}"]},
        "risk_details": "What is left open is found.",
        "time": seen,
        "time_dt": seen_text,
        "type_uid": 200401,
        "type_name": "Detection Finding: Create",
    }


def _verdict(pair: Checked, failed: bool) -> str:
    return f"{pair.name}: {pair.control.title} - {'it is not so' if failed else 'it is so'}."
