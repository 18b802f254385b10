"""Accounts that are kept well, badly and in between: what is expected of them is what their services tell."""

import itertools

from accounts import Account
from configure import configure
from configured.alarms import PATTERNS
from configured.site import GLOBAL
from findings import last_midnight

from .process import NUMBERS, StandInCase, shared
from .truths import Truths

REGIONS = ["us-east-1", "eu-west-1"]
PROFILES = ("hardened", "mixed", "bad")
CIS = frozenset(
    f"{service}.{number}"
    for service, numbers in {
        "Account": "1",
        "CloudTrail": "1 2 4 5 6 7",
        "CloudWatch": "1 2 3 4 5 6 7 8 9 10 11 12 13 14",
        "Config": "1",
        "EC2": "2 6 7 8 13 14 21 53 54",
        "EFS": "1 8",
        "IAM": "1 2 3 4 5 6 8 9 11 12 13 14 15 16 17 18 20 22 26 27 28",
        "KMS": "4",
        "RDS": "2 3 5 13 15",
        "S3": "1 4 5 8 20 22 23",
    }.items()
    for number in numbers.split()
)


class Configured(StandInCase):
    """The three accounts are made once, for all checks of this class."""

    made: dict[str, tuple[Account, dict]] = {}

    @classmethod
    def setUpClass(cls) -> None:
        for profile in PROFILES:
            account = str(next(NUMBERS))
            controls = configure(shared().door, account, profile, REGIONS, last_midnight())
            cls.made[profile] = (Account(shared().endpoint, account), controls)

    def places(self, profile: str, controls: frozenset[str] | set[str] = CIS):
        """(control, Region, verdict, resources) of what is expected."""
        for control, regions in self.made[profile][1].items():
            if control in controls:
                for region, place in regions.items():
                    for verdict, resources in place.items():
                        yield control, region, verdict, resources

    def test_every_control_of_the_cis_benchmarks_is_judged_in_every_account(self) -> None:
        for profile in PROFILES:
            self.assertEqual(CIS - set(self.made[profile][1]), set())
        self.assertEqual(len(CIS), 67)

    def test_nothing_fails_in_the_hardened_account(self) -> None:
        failed = {control for control, _, verdict, resources in self.places("hardened") if verdict == "failed" and resources}
        self.assertEqual(failed, set())
        others = {
            control
            for control, _, verdict, resources in self.places("hardened", set(self.made["hardened"][1]))
            if verdict == "failed" and resources
        }
        self.assertEqual(others, {"S3.13"})

    def test_every_control_fails_somewhere_in_the_bad_account(self) -> None:
        failed = {control for control, _, verdict, resources in self.places("bad") if verdict == "failed" and resources}
        self.assertEqual(failed, CIS)

    def test_most_regional_controls_are_judged_in_both_regions(self) -> None:
        for control, regions in self.made["hardened"][1].items():
            if control.startswith(("Config", "EC2", "EFS", "KMS.4", "RDS")):
                self.assertEqual(sorted(regions), sorted(REGIONS), control)

    def test_what_is_expected_is_what_the_services_tell(self) -> None:
        seen = 0
        for profile, region in itertools.product(PROFILES, (*REGIONS, GLOBAL)):
            entry, _ = self.made[profile]
            where = REGIONS[0] if region == GLOBAL else region
            truths = Truths(lambda service, entry=entry, where=where: entry.client(service, where), entry.id, where)
            for control, place, verdict, resources in self.places(profile, truths.controls()):
                for resource in resources if place == region else []:
                    told = "passed" if truths.holds(control, resource) else "failed"
                    self.assertEqual(told, verdict, f"{control} of {resource} in the {profile} account")
                    seen += 1
        self.assertGreater(seen, 450)

    def test_nothing_that_fails_is_left_out(self) -> None:
        """Every resource of the kinds that have no exceptions is judged."""
        for profile, region in itertools.product(PROFILES, REGIONS):
            entry, controls = self.made[profile]
            ec2, prefix = entry.client("ec2", region), f"arn:aws:ec2:{region}:{entry.id}"
            there = {
                "EC2.6": {f"{prefix}:vpc/{vpc['VpcId']}" for vpc in ec2.describe_vpcs()["Vpcs"]},
                "EC2.8": {
                    f"{prefix}:instance/{it['InstanceId']}" for run in ec2.describe_instances()["Reservations"] for it in run["Instances"]
                },
                "EC2.13": {
                    f"{prefix}:security-group/{group['GroupId']}"
                    for group in ec2.describe_security_groups()["SecurityGroups"]
                    if group["GroupName"] != "default"
                },
                "RDS.2": {database["DBInstanceArn"] for database in entry.client("rds", region).describe_db_instances()["DBInstances"]},
                "RDS.15": {cluster["DBClusterArn"] for cluster in entry.client("rds", region).describe_db_clusters()["DBClusters"]},
                "EFS.1": {system["FileSystemArn"] for system in entry.client("efs", region).describe_file_systems()["FileSystems"]},
            }
            iam = entry.client("iam", region)
            principals = [user["Arn"] for user in iam.list_users()["Users"]]
            principals += [group["Arn"] for group in iam.list_groups()["Groups"]]
            principals += [role["Arn"] for role in iam.list_roles()["Roles"]]
            for control in ("IAM.27", "KMS.2"):
                place = controls[control][GLOBAL]
                self.assertEqual({*place["failed"], *place["passed"]}, {*principals}, f"{control} of the {profile} account")
            for control, resources in there.items():
                place = controls[control][region]
                self.assertEqual({*place["failed"], *place["passed"]}, resources, f"{control} of the {profile} account")

    def test_a_watch_is_complete_or_it_fails(self) -> None:
        for profile in PROFILES:
            entry, controls = self.made[profile]
            complete = {control for control in PATTERNS if self._is_watched(entry, PATTERNS[control])}
            passed = {control for control in PATTERNS if controls[control][REGIONS[0]]["passed"]}
            self.assertEqual(complete, passed, profile)

    def test_the_trails_log_what_is_expected(self) -> None:
        for profile in PROFILES:
            entry, controls = self.made[profile]
            for region in REGIONS:
                seen = self._seen(entry.client("cloudtrail", region))
                for control, what in (("CloudTrail.1", "management"), ("S3.22", "writes"), ("S3.23", "reads")):
                    self.assertEqual(what in seen, bool(controls[control][region]["passed"]), f"{control} in the {profile} account")

    def test_the_recorders_record_what_is_expected(self) -> None:
        for profile, region in itertools.product(PROFILES, REGIONS):
            entry, controls = self.made[profile]
            config = entry.client("config", region)
            recorders = {it["name"]: it for it in config.describe_configuration_recorders()["ConfigurationRecorders"]}
            running = [
                it["name"] for it in config.describe_configuration_recorder_status()["ConfigurationRecordersStatus"] if it["recording"]
            ]
            good = any(
                "/aws-service-role/" in recorders[name]["roleARN"] and recorders[name]["recordingGroup"]["allSupported"] for name in running
            )
            self.assertEqual(good, bool(controls["Config.1"][region]["passed"]))
            self.assertEqual(len(config.describe_delivery_channels()["DeliveryChannels"]), len(recorders))

    def test_the_account_itself_is_kept_as_expected(self) -> None:
        for profile in PROFILES:
            entry, controls = self.made[profile]
            control = entry.client("s3control")
            host = f"//{entry.id}."
            control.meta.events.register("before-sign.s3-control", lambda request, host=host, **_: _shorten(request, host))
            blocks = []
            if profile != "bad":
                blocks = list(control.get_public_access_block(AccountId=entry.id)["PublicAccessBlockConfiguration"].values())
            self.assertEqual(len(blocks) == 4 and all(blocks), bool(controls["S3.1"][GLOBAL]["passed"]))
            if profile == "bad":
                refusal = self.refusal(entry.client("account").get_alternate_contact, AlternateContactType="SECURITY")
                self.assertEqual(refusal[1], "ResourceNotFoundException")
                self.assertEqual(
                    self.refusal(control.get_public_access_block, AccountId=entry.id)[1], "NoSuchPublicAccessBlockConfiguration"
                )
                self.assertEqual(self.refusal(entry.client("iam").get_account_password_policy)[1], "NoSuchEntity")
            else:
                contact = entry.client("account").get_alternate_contact(AlternateContactType="SECURITY")["AlternateContact"]
                self.assertEqual(contact["EmailAddress"], "security@example.com")
                self.assertEqual(entry.client("iam").get_account_password_policy()["PasswordPolicy"]["MinimumPasswordLength"], 14)

    def test_an_account_keeps_its_profile(self) -> None:
        entry, controls = self.made["mixed"]
        self.assertEqual(configure(self.door, entry.id, "mixed", REGIONS, last_midnight()), controls)
        with self.assertRaisesRegex(ValueError, "configured already"):
            configure(self.door, entry.id, "bad", REGIONS, last_midnight())

    def _is_watched(self, entry: Account, pattern: str) -> bool:
        """Whether a filter on the trail's log group has an alarm that reaches somebody."""
        group = self._log_group(entry)
        if not group:
            return False
        filters = entry.client("logs").describe_metric_filters(logGroupName=group)["metricFilters"]
        metrics = {it["metricName"] for found in filters if found["filterPattern"] == pattern for it in found["metricTransformations"]}
        alarms = entry.client("cloudwatch").describe_alarms()["MetricAlarms"]
        topics = [topic for alarm in alarms if alarm["MetricName"] in metrics for topic in alarm["AlarmActions"]]
        sns = entry.client("sns")
        heard = [it["SubscriptionArn"] for topic in topics for it in sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]]
        return any(arn.startswith("arn:") for arn in heard)

    def _log_group(self, entry: Account) -> str:
        for trail in entry.client("cloudtrail").describe_trails()["trailList"]:
            if trail["IsMultiRegionTrail"] and "CloudWatchLogsLogGroupArn" in trail:
                return trail["CloudWatchLogsLogGroupArn"].split(":")[6]
        return ""

    def _seen(self, cloudtrail) -> set[str]:
        seen = set()
        for trail in cloudtrail.describe_trails()["trailList"]:
            if not (trail["IsMultiRegionTrail"] and cloudtrail.get_trail_status(Name=trail["TrailARN"])["IsLogging"]):
                continue
            for selector in cloudtrail.get_event_selectors(TrailName=trail["TrailARN"])["EventSelectors"]:
                kind = selector["ReadWriteType"]
                seen |= {"management"} if selector["IncludeManagementEvents"] and kind == "All" else set()
                if any(it["Type"] == "AWS::S3::Object" and it["Values"] == ["arn:aws:s3"] for it in selector["DataResources"]):
                    seen |= {"All": {"reads", "writes"}, "WriteOnly": {"writes"}, "ReadOnly": {"reads"}}[kind]
        return seen


def _shorten(request, host: str) -> None:
    """S3 Control's own host name begins with the account, which no loopback address does."""
    request.url = request.url.replace(host, "//")
