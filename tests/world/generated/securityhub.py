"""Findings that stand in an account's own Security Hub: of its controls, and of the products that feed it."""

from datetime import datetime

from . import third_party
from .checked import Checked, checked
from .dice import Dice, iso
from .estate import Estate
from .profiles import Profile

CONTROL_SHARE = 0.6
NORMALIZED = {"INFORMATIONAL": 0, "LOW": 1, "MEDIUM": 40, "HIGH": 70, "CRITICAL": 90}
CIS = "cis-aws-foundations-benchmark/v/1.2.0"
STANDARDS = "Software and Configuration Checks/Industry and Regulatory Standards"


def findings(estate: Estate, profile: Profile, count: int, until: datetime) -> list[dict]:
    """`count` findings about the estate: controls as far as there is something to check, products for the rest."""
    dice = Dice("securityhub", estate.account, estate.region)
    pairs = checked(dice, estate)[: round(count * CONTROL_SHARE)]
    controls = [_control(dice, estate, profile, pair, until) for pair in pairs]
    return controls + [third_party.finding(dice, estate, profile, until) for _ in range(count - len(controls))]


def _control(dice: Dice, estate: Estate, profile: Profile, pair: Checked, until: datetime) -> dict:
    created, updated = dice.life(until)
    control, place = pair.control, f"arn:aws:securityhub:{estate.region}:{estate.account}"
    status = _status(dice, profile)
    severity = "INFORMATIONAL" if status == "PASSED" else control.severity
    finding = {
        "SchemaVersion": "2018-10-08",
        "Id": f"{place}:security-control/{control.id}/finding/{dice.uuid()}",
        "ProductArn": f"arn:aws:securityhub:{estate.region}::product/aws/securityhub",
        "ProductName": "Security Hub",
        "CompanyName": "AWS",
        "Region": estate.region,
        "GeneratorId": f"security-control/{control.id}",
        "AwsAccountId": estate.account,
        "Types": [STANDARDS],
        "FirstObservedAt": iso(created),
        "LastObservedAt": iso(updated),
        "CreatedAt": iso(created),
        "UpdatedAt": iso(updated),
        "Severity": {"Label": severity, "Normalized": NORMALIZED[severity], "Original": severity},
        "Title": control.title,
        "Description": f"Checks {pair.name}. {control.title}.",
        "Remediation": {
            "Recommendation": {"Text": "Follow the remediation of the control.", "Url": f"https://remediation.example.com/{control.id}"}
        },
        "ProductFields": {
            "RelatedAWSResources:0/type": "AWS::Config::ConfigRule",
            "RelatedAWSResources:0/name": f"securityhub-{control.prowler.replace('_', '-')[:40]}-{dice.hex(8)}",
            "Resources:0/Id": pair.id,
            "aws/securityhub/ProductName": "Security Hub",
            "aws/securityhub/CompanyName": "AWS",
        },
        "Resources": [{"Type": pair.type, "Id": pair.id, "Partition": "aws", "Region": estate.region, "Tags": estate.tags(pair.name)}],
        "Compliance": {
            "Status": status,
            "SecurityControlId": control.id,
            "AssociatedStandards": [{"StandardsId": "standards/aws-foundational-security-best-practices/v/1.0.0"}],
        },
        "WorkflowState": "NEW",
        "Workflow": {"Status": "RESOLVED" if status == "PASSED" else "NEW"},
        "RecordState": "ARCHIVED" if dice.random() < profile.settled / 4 else "ACTIVE",
        "FindingProviderFields": {"Severity": {"Label": severity, "Original": severity}, "Types": [STANDARDS]},
    }
    if status in ("WARNING", "NOT_AVAILABLE"):
        finding["Compliance"]["StatusReasons"] = [{"ReasonCode": "CONFIG_EVALUATIONS_EMPTY", "Description": "Config has no verdict yet."}]
    return finding | _per_standard(dice, estate, pair, finding) if control.cis and dice.random() < 0.4 else finding


def _status(dice: Dice, profile: Profile) -> str:
    if dice.random() < profile.failed:
        return "FAILED"
    return dice.choices(("PASSED", "WARNING", "NOT_AVAILABLE"), (90, 5, 5))[0]


def _per_standard(dice: Dice, estate: Estate, pair: Checked, finding: dict) -> dict:
    """What differs in an account whose controls still report once per standard, here CIS 1.2.0."""
    place, cis = f"arn:aws:securityhub:{estate.region}:{estate.account}", pair.control.cis
    control = f"{place}:control/{CIS}/{cis}"
    return {
        "Id": f"{place}:subscription/{CIS}/{cis}/finding/{dice.uuid()}",
        "GeneratorId": f"arn:aws:securityhub:::ruleset/{CIS}/rule/{cis}",
        "Title": f"{cis} {pair.control.title}",
        "Types": [f"{STANDARDS}/CIS AWS Foundations Benchmark"],
        "FindingProviderFields": finding["FindingProviderFields"] | {"Types": [f"{STANDARDS}/CIS AWS Foundations Benchmark"]},
        "ProductFields": finding["ProductFields"]
        | {
            "StandardsGuideArn": f"arn:aws:securityhub:::ruleset/{CIS}",
            "StandardsGuideSubscriptionArn": f"{place}:subscription/{CIS}",
            "RuleId": cis,
            "StandardsControlArn": control,
        },
        "Compliance": finding["Compliance"]
        | {"RelatedRequirements": [f"CIS AWS Foundations {cis}"], "AssociatedStandards": [{"StandardsId": f"ruleset/{CIS}"}]},
    }
