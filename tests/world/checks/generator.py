"""The findings are of the right shapes, always the same, and worth ranking."""

import ipaddress
import json
import re
import unittest
from collections import Counter
from datetime import UTC, datetime

from findings import account_findings
from generated.profiles import PROFILES
from generated.threats import THREATS

from .shapes import complaints, finding_shape

UNTIL = datetime(2026, 11, 1, tzinfo=UTC)
REGIONS = ["us-east-1", "eu-west-1"]
ACCOUNT = "111122223333"


def made(profile: str = "bad", size: int = 900, account: str = ACCOUNT):
    return account_findings(account, PROFILES[profile], size, REGIONS, UNTIL)


def of(service: str, findings) -> list[dict]:
    return [finding for region in REGIONS for finding in findings.services[region][service]]


class Generator(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.findings = made()

    def test_every_finding_has_its_services_own_shape(self) -> None:
        for service in ("guardduty", "inspector2", "macie2", "securityhub"):
            for finding in of(service, self.findings):
                known = {name: value for name, value in finding.items() if name != "VendorExtension"}
                self.assertEqual(complaints(known, finding_shape(service)), [], service)

    def test_prowlers_asff_has_the_shape_of_asff(self) -> None:
        for finding in self.findings.drop["prowler-asff"]:
            self.assertEqual(complaints(finding, finding_shape("securityhub")), [])

    def test_some_third_party_findings_hold_a_field_that_nobody_knows(self) -> None:
        held = [finding for finding in of("securityhub", self.findings) if "VendorExtension" in finding]
        self.assertGreater(len(held), 20)

    def test_the_same_account_always_has_the_same_findings(self) -> None:
        self.assertEqual(made(), made())
        self.assertNotEqual(made(), made(account="444455556666"))

    def test_no_two_findings_have_the_same_identity(self) -> None:
        for service, name in (("guardduty", "id"), ("inspector2", "findingArn"), ("macie2", "id"), ("securityhub", "Id")):
            ids = Counter(finding[name] for finding in of(service, self.findings))
            self.assertEqual(max(ids.values()), 1, service)
        ids = Counter(finding["finding_info"]["uid"] for finding in self.findings.drop["prowler-ocsf"])
        self.assertEqual(max(ids.values()), 1)

    def test_all_kinds_of_guardduty_action_and_resource_occur(self) -> None:
        found = of("guardduty", made(size=6000))
        self.assertEqual({finding["type"] for finding in found}, {threat.type for threat in THREATS})
        self.assertGreaterEqual(len(THREATS), 25)
        actions = {finding["service"].get("action", {}).get("actionType") for finding in found}
        wanted = {"AWS_API_CALL", "NETWORK_CONNECTION", "PORT_PROBE", "DNS_REQUEST", "RDS_LOGIN_ATTEMPT", "KUBERNETES_API_CALL", None}
        self.assertEqual(actions, wanted)
        resources = {finding["resource"]["resourceType"] for finding in found}
        self.assertEqual(resources, {"Instance", "AccessKey", "S3Bucket", "EKSCluster", "ECSCluster", "RDSDBInstance", "Lambda"})

    def test_all_kinds_of_inspector_and_macie_findings_occur(self) -> None:
        inspector = of("inspector2", self.findings)
        kinds = {(finding["type"], finding["resources"][0]["type"]) for finding in inspector}
        self.assertEqual(
            kinds,
            {
                ("PACKAGE_VULNERABILITY", "AWS_EC2_INSTANCE"),
                ("PACKAGE_VULNERABILITY", "AWS_ECR_CONTAINER_IMAGE"),
                ("PACKAGE_VULNERABILITY", "AWS_LAMBDA_FUNCTION"),
                ("CODE_VULNERABILITY", "AWS_LAMBDA_FUNCTION"),
                ("NETWORK_REACHABILITY", "AWS_EC2_INSTANCE"),
            },
        )
        self.assertEqual({finding["category"] for finding in of("macie2", self.findings)}, {"CLASSIFICATION", "POLICY"})

    def test_a_few_resources_have_many_findings(self) -> None:
        resources = Counter(finding["resources"][0]["id"] for finding in of("inspector2", self.findings))
        ranked = [count for _, count in resources.most_common()]
        self.assertGreater(ranked[0], 4 * ranked[len(ranked) // 2])

    def test_a_worse_profile_has_more_and_graver_findings(self) -> None:
        grave = []
        for name in ("hardened", "mixed", "bad"):
            found = of("inspector2", made(name))
            grave.append(sum(finding["severity"] in ("HIGH", "CRITICAL") for finding in found))
        self.assertLess(grave[0] * 3, grave[1])
        self.assertLess(grave[1] * 2, grave[2])

    def test_no_address_or_host_belongs_to_anybody(self) -> None:
        text = json.dumps([self.findings.services, self.findings.drop])
        documentation = [ipaddress.ip_network(net) for net in ("198.51.100.0/24", "203.0.113.0/24", "192.0.2.0/24", "10.0.0.0/8")]
        for address in set(re.findall(r'"(\d+\.\d+\.\d+\.\d+)"', text)):
            self.assertTrue(any(ipaddress.ip_address(address) in net for net in documentation), address)
        for host in set(re.findall(r"https?://([^/\"]+)", text)):
            self.assertRegex(host, r"(^|\.)example\.com$")
