"""Findings of invented security products in ASFF, with the long tail of fields that products really fill.

One field, `VendorExtension`, is known to nobody: an importer must carry it through.
"""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from .dice import DOMAINS, Dice, iso
from .estate import Estate
from .profiles import Profile
from .vulnerabilities import vulnerability

NORMALIZED = {"LOW": 25, "MEDIUM": 50, "HIGH": 75, "CRITICAL": 95}


class Product(NamedTuple):
    """A product and what fills the fields of its own."""

    company: str
    name: str
    type: str
    title: str
    fill: Callable[[Dice, Estate, datetime], dict]


def finding(dice: Dice, estate: Estate, profile: Profile, until: datetime) -> dict:
    """One finding of one of the products."""
    product = dice.choice(PRODUCTS)
    created, updated = dice.life(until)
    severity = profile.severity(dice)
    slug = product.company.lower().replace(" ", "-")
    arn = f"arn:aws:securityhub:{estate.region}::product/{slug}/{product.name.lower().replace(' ', '-')}"
    if product.company == "Personal":
        arn = f"arn:aws:securityhub:{estate.region}:{estate.account}:product/{estate.account}/default"
    own = product.fill(dice, estate, until)
    subject = own["Resources"][0]["Id"].rpartition("/")[2]
    frame = {
        "SchemaVersion": "2018-10-08",
        "Id": f"{slug}/{estate.account}/{estate.region}/{dice.hex(24)}",
        "ProductArn": arn,
        "ProductName": product.name,
        "CompanyName": product.company,
        "Region": estate.region,
        "GeneratorId": f"{slug}-rule-{dice.randint(1, 40)}",
        "AwsAccountId": estate.account,
        "Types": [product.type],
        "FirstObservedAt": iso(created),
        "LastObservedAt": iso(updated),
        "CreatedAt": iso(created),
        "UpdatedAt": iso(updated),
        "Severity": {
            "Label": severity,
            "Normalized": NORMALIZED[severity],
            "Original": f"{NORMALIZED[severity] / 10}",
            "Product": NORMALIZED[severity],
        },
        "Confidence": dice.randint(30, 99),
        "Criticality": dice.randint(1, 99),
        "Title": f"{product.title} {subject}"[:256],
        "Description": f"{product.name} reports: {product.title} {subject}.",
        "SourceUrl": f"https://console.{slug}.example.com/findings/{dice.hex(8)}",
        "ProductFields": {f"{slug}/policy": f"policy-{dice.randint(1, 9)}", f"{slug}/engine": "7.2"},
        "UserDefinedFields": {"ticket": f"OPS-{dice.randint(100, 999)}"} if dice.random() < 0.2 else {},
        "WorkflowState": "NEW",
        "Workflow": {"Status": dice.choice(("NEW", "NEW", "NOTIFIED", "SUPPRESSED"))},
        "RecordState": "ARCHIVED" if dice.random() < profile.settled else "ACTIVE",
        "VerificationState": dice.choice(("UNKNOWN", "TRUE_POSITIVE", "BENIGN_POSITIVE")),
        "FindingProviderFields": {"Severity": {"Label": severity}, "Types": [product.type]},
    }
    return frame | own


def _endpoint(dice: Dice, estate: Estate, until: datetime) -> dict:
    began, _ = dice.life(until)
    process = {"Name": "updater", "Path": "/tmp/.cache/updater", "Pid": dice.randint(400, 30_000), "ParentPid": 1, "LaunchedAt": iso(began)}
    return {
        "Resources": [_instance(dice, estate)],
        "Malware": [{"Name": "Trojan.Invented.A", "Type": "TROJAN", "Path": "/tmp/.cache/updater", "State": "OBSERVED"}],
        "Process": process,
        "Threats": [
            {
                "Name": "Trojan.Invented.A",
                "Severity": "HIGH",
                "ItemCount": 1,
                "FilePaths": [{"FilePath": "/tmp/.cache/updater", "FileName": "updater", "Hash": dice.hex(64)}],
            }
        ],
        "VendorExtension": {"sensor": dice.uuid(), "tactics": ["TA0011"], "score": {"raw": dice.random(), "model": 4}},
    }


def _network(dice: Dice, estate: Estate, until: datetime) -> dict:
    instance = _instance(dice, estate)
    seen, _ = dice.life(until)
    domain, address = dice.choice(DOMAINS), dice.address()
    network = {
        "Direction": "OUT",
        "Protocol": "TCP",
        "SourceIpV4": instance["Details"]["AwsEc2Instance"]["IpV4Addresses"][0],
        "SourcePort": dice.randint(32_768, 60_999),
        "DestinationIpV4": address,
        "DestinationPort": 443,
        "DestinationDomain": domain,
    }
    indicator = {
        "Type": "IPV4_ADDRESS",
        "Value": address,
        "Category": "COMMAND_AND_CONTROL",
        "LastObservedAt": iso(seen),
        "Source": "Marsh Watch",
    }
    hop = {
        "ComponentId": estate.security_group,
        "ComponentType": "AwsEc2SecurityGroup",
        "Egress": {"Protocol": "TCP", "Destination": {"Address": [address]}},
    }
    return {
        "Resources": [instance],
        "Network": network,
        "NetworkPath": [hop],
        "ThreatIntelIndicators": [indicator],
        "Action": {"ActionType": "DNS_REQUEST", "DnsRequestAction": {"Domain": domain, "Protocol": "UDP", "Blocked": False}},
        "VendorExtension": {"flows": dice.randint(1, 900), "ja4": dice.hex(36)},
    }


def _patches(dice: Dice, estate: Estate, until: datetime) -> dict:
    flaw = vulnerability(dice.randint(0, 47))
    package = {
        "Name": flaw.package,
        "Version": flaw.version,
        "Architecture": "x86_64",
        "PackageManager": flaw.manager,
        "FixedInVersion": flaw.fixed or "NotAvailable",
    }
    score = {"BaseScore": flaw.score, "BaseVector": flaw.vector, "Version": "3.1", "Source": "NVD"}
    summary = {
        "Id": f"pb-0{dice.hex(16)}",
        "InstalledCount": dice.randint(100, 300),
        "MissingCount": dice.randint(1, 30),
        "FailedCount": 0,
        "RebootOption": "NoReboot",
        "Operation": "Scan",
    }
    details = {
        "Id": flaw.id,
        "VulnerablePackages": [package],
        "Cvss": [score],
        "FixAvailable": "YES" if flaw.fixed else "NO",
        "EpssScore": flaw.epss,
        "ExploitAvailable": "YES" if flaw.exploited else "NO",
    }
    return {
        "Resources": [_instance(dice, estate)],
        "Vulnerabilities": [details],
        "PatchSummary": summary,
        "Remediation": {"Recommendation": {"Text": f"Upgrade {flaw.package}.", "Url": f"https://advisories.example.com/{flaw.id}"}},
        "RelatedFindings": [{"ProductArn": f"arn:aws:securityhub:{estate.region}::product/grey-wren/wren-scan", "Id": flaw.id}],
    }


def _secrets(dice: Dice, estate: Estate, until: datetime) -> dict:
    bucket = dice.skewed(estate.buckets)
    details = {
        "AwsS3Bucket": {"OwnerId": bucket.owner, "CreatedAt": iso(bucket.created)},
        "Other": {"object": f"config/{dice.hex(6)}.env", "line": str(dice.randint(1, 90))},
    }
    resource = {"Type": "AwsS3Bucket", "Id": bucket.arn, "Partition": "aws", "Region": estate.region, "Details": details}
    return {
        "Resources": [resource, {"Type": "Other", "Id": f"secret/{dice.hex(12)}", "Details": {"Other": {"kind": "api-token"}}}],
        "VendorExtension": {"detector": "entropy", "entropy": round(dice.uniform(3, 5), 3), "labels": ["token", None]},
        "Note": {"Text": "Seen in the nightly sweep.", "UpdatedBy": "sweeper", "UpdatedAt": iso(until)},
    }


def _own_checks(dice: Dice, estate: Estate, until: datetime) -> dict:
    user = dice.skewed(estate.users)
    key = {
        "PrincipalType": "User",
        "PrincipalName": user.name,
        "PrincipalId": f"AIDA{user.id.upper()}",
        "Status": "Active",
        "CreatedAt": iso(estate.buckets[0].created),
    }
    resource = {
        "Type": "AwsIamAccessKey",
        "Id": f"AWS::IAM::AccessKey:AKIA{user.id.upper()}",
        "Region": estate.region,
        "Details": {"AwsIamAccessKey": key},
    }
    return {"Resources": [resource], "Compliance": {"Status": "WARNING", "RelatedRequirements": ["House rule 12"]}, "Sample": False}


def _instance(dice: Dice, estate: Estate) -> dict:
    instance = dice.skewed(estate.instances)
    details = {
        "Type": instance.type,
        "ImageId": instance.image,
        "IpV4Addresses": [instance.private_ip, instance.public_ip],
        "VpcId": estate.vpc,
        "SubnetId": estate.subnet,
        "LaunchedAt": iso(instance.launched),
    }
    return {
        "Type": "AwsEc2Instance",
        "Id": instance.arn,
        "Partition": "aws",
        "Region": estate.region,
        "Tags": estate.tags(instance.name),
        "Details": {"AwsEc2Instance": details},
    }


PRODUCTS = (
    Product("Lantern Works", "Lantern EDR", "TTPs/Command and Control/Backdoor:EC2-Invented", "Malware on", _endpoint),
    Product("Hollow Oak", "Oak Sensor", "Unusual Behaviors/VM/Suspicious Traffic", "Suspicious traffic from", _network),
    Product("Grey Wren", "Wren Scan", "Software and Configuration Checks/Vulnerabilities/CVE", "Missing patch on", _patches),
    Product("Tidepool", "Secret Sweep", "Sensitive Data Identifications/Passwords/API token", "A secret lies in", _secrets),
    Product("Personal", "Default", "Unusual Behaviors/User/House Rules", "House rule broken by", _own_checks),
)
