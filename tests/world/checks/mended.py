"""What moto says wrongly of configuration and the stand-in says rightly, through the services' own clients."""

import csv
import http.client
import io
import json
from datetime import UTC, datetime, timedelta

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as SigningCredentials

from configured.certificates import EXPIRED

from .process import StandInCase

REGION, ELSEWHERE = "us-east-1", "eu-west-1"
THEN = datetime(2026, 1, 2, tzinfo=UTC)


class Root(StandInCase):
    def setUp(self) -> None:
        super().setUp()
        self.iam = self.client("iam")

    def keep(self, **how) -> dict:
        self.door.post("root", account=self.account, **how)
        return self.iam.get_account_summary()["SummaryMap"]

    def devices(self) -> list[str]:
        return [device["SerialNumber"] for device in self.iam.list_virtual_mfa_devices(AssignmentStatus="Assigned")["VirtualMFADevices"]]

    def test_the_summary_tells_keys_and_mfa(self) -> None:
        for how, mfa, keys in (({"mfa": "none", "access_keys": 1}, 0, 1), ({"mfa": "hardware"}, 1, 0), ({"mfa": "virtual"}, 1, 0)):
            summary = self.keep(**how)
            self.assertEqual((summary["AccountMFAEnabled"], summary["AccountAccessKeysPresent"]), (mfa, keys))
            self.assertEqual(summary["AccountPasswordPresent"], 1)

    def test_only_a_virtual_device_is_listed(self) -> None:
        serial = f"arn:aws:iam::{self.account}:mfa/root-account-mfa-device"
        for mfa, listed in (("virtual", [serial]), ("hardware", []), ("virtual", [serial]), ("none", [])):
            self.keep(mfa=mfa)
            self.assertEqual(self.devices(), listed)

    def test_nonsense_is_refused(self) -> None:
        for how in ({"mfa": "wax"}, {"mfa": "none", "access_keys": 3}, {"mfa": "none", "password_last_used": "2026-01-02"}, {}):
            with self.assertRaises(ValueError):
                self.door.post("root", account=self.account, **how)


class Report(StandInCase):
    def setUp(self) -> None:
        super().setUp()
        self.iam = self.client("iam")

    def rows(self) -> dict[str, dict[str, str]]:
        while self.iam.generate_credential_report()["State"] != "COMPLETE":
            pass
        report = self.iam.get_credential_report()
        self.assertLess(datetime.now(UTC) - report["GeneratedTime"], timedelta(minutes=1))
        return {row["user"]: row for row in csv.DictReader(io.StringIO(report["Content"].decode()))}

    def test_there_is_none_until_it_was_asked_for(self) -> None:
        self.assertEqual(self.refusal(self.iam.get_credential_report)[1], "ReportNotPresent")
        self.assertEqual(self.iam.generate_credential_report()["State"], "STARTED")

    def test_the_root_user_stands_first(self) -> None:
        self.door.post("root", account=self.account, mfa="virtual", access_keys=1, password_last_used=THEN.isoformat())
        root = next(iter(self.rows().values()))
        self.assertEqual((root["user"], root["arn"]), ("<root_account>", f"arn:aws:iam::{self.account}:root"))
        told = [root[name] for name in ("password_last_used", "mfa_active", "access_key_1_active", "access_key_2_active")]
        self.assertEqual(told, ["2026-01-02T00:00:00+00:00", "true", "true", "false"])

    def test_ages_and_last_uses_are_what_the_door_said(self) -> None:
        self.iam.create_user(UserName="ada")
        self.iam.create_login_profile(UserName="ada", Password="Correct-Horse-9-Battery")
        self.iam.update_account_password_policy(MaxPasswordAge=90)
        for _ in "ab":
            key = self.iam.create_access_key(UserName="ada")["AccessKey"]["AccessKeyId"]
        self.iam.update_access_key(UserName="ada", AccessKeyId=key, Status="Inactive")
        keys = [{"created": THEN.isoformat(), "last_used": (THEN + timedelta(days=3)).isoformat()}, {"created": THEN.isoformat()}]
        self.door.post("users", account=self.account, name="ada", created=THEN.isoformat(), password_last_used=THEN.isoformat(), keys=keys)
        row = self.rows()["ada"]
        wanted = {
            "user_creation_time": "2026-01-02T00:00:00+00:00",
            "password_enabled": "true",
            "password_last_used": "2026-01-02T00:00:00+00:00",
            "password_next_rotation": "2026-04-02T00:00:00+00:00",
            "mfa_active": "false",
            "access_key_1_active": "true",
            "access_key_1_last_rotated": "2026-01-02T00:00:00+00:00",
            "access_key_1_last_used_date": "2026-01-05T00:00:00+00:00",
            "access_key_1_last_used_service": "s3",
            "access_key_2_active": "false",
            "access_key_2_last_used_date": "N/A",
        }
        self.assertEqual({name: row[name] for name in wanted}, wanted)
        user = self.iam.list_users()["Users"][0]
        self.assertEqual((user["CreateDate"], user["PasswordLastUsed"]), (THEN, THEN))
        self.assertEqual(self.iam.list_access_keys(UserName="ada")["AccessKeyMetadata"][0]["CreateDate"], THEN)

    def test_who_has_no_password_and_no_keys_has_none_in_the_report(self) -> None:
        self.iam.create_user(UserName="ben")
        row = self.rows()["ben"]
        told = [row[name] for name in ("password_enabled", "password_last_used", "access_key_1_active", "access_key_1_last_rotated")]
        self.assertEqual(told, ["false", "N/A", "false", "N/A"])

    def test_nobody_has_no_dates(self) -> None:
        with self.assertRaisesRegex(ValueError, "no user eve"):
            self.door.post("users", account=self.account, name="eve")


class Identities(StandInCase):
    def test_a_few_of_awss_policies_exist_and_none_of_them_is_local(self) -> None:
        iam, support = self.client("iam"), "arn:aws:iam::aws:policy/AWSSupportAccess"
        self.assertEqual(iam.list_entities_for_policy(PolicyArn=support)["PolicyRoles"], [])
        iam.attach_role_policy(RoleName="MusterAgent", PolicyArn=support)
        roles = iam.list_entities_for_policy(PolicyArn=support)["PolicyRoles"]
        self.assertEqual([role["RoleName"] for role in roles], ["MusterAgent"])
        document = iam.get_policy_version(PolicyArn=support, VersionId=iam.get_policy(PolicyArn=support)["Policy"]["DefaultVersionId"])
        self.assertIn("Statement", document["PolicyVersion"]["Document"])
        shell = iam.list_entities_for_policy(PolicyArn="arn:aws:iam::aws:policy/AWSCloudShellFullAccess")
        self.assertEqual(shell["PolicyUsers"], [])
        self.assertEqual(iam.list_policies(Scope="Local")["Policies"], [])

    def test_a_certificate_expires_when_it_says(self) -> None:
        iam = self.client("iam")
        iam.upload_server_certificate(ServerCertificateName="www", CertificateBody=EXPIRED, PrivateKey="none")
        listed = iam.list_server_certificates()["ServerCertificateMetadataList"][0]
        self.assertEqual(listed["Expiration"], datetime(2021, 1, 1, tzinfo=UTC))
        self.assertEqual(listed["Arn"], f"arn:aws:iam::{self.account}:server-certificate/www")


class Analyzers(StandInCase):
    def test_they_are_listed_by_region_and_type(self) -> None:
        here, there = self.client("accessanalyzer"), self.client("accessanalyzer", region=ELSEWHERE)
        arn = here.create_analyzer(analyzerName="outside", type="ACCOUNT")["arn"]
        self.assertEqual(arn, f"arn:aws:access-analyzer:{REGION}:{self.account}:analyzer/outside")
        here.create_analyzer(analyzerName="unused", type="ACCOUNT_UNUSED_ACCESS")
        listed = here.list_analyzers(type="ACCOUNT")["analyzers"]
        self.assertEqual([(analyzer["name"], analyzer["status"]) for analyzer in listed], [("outside", "ACTIVE")])
        pages = here.get_paginator("list_analyzers").paginate(PaginationConfig={"PageSize": 1})
        self.assertEqual([analyzer["name"] for page in pages for analyzer in page["analyzers"]], ["outside", "unused"])
        self.assertEqual(there.list_analyzers()["analyzers"], [])

    def test_nonsense_is_refused(self) -> None:
        client = self.client("accessanalyzer")
        client.create_analyzer(analyzerName="outside", type="ACCOUNT")
        again = self.refusal(client.create_analyzer, analyzerName="outside", type="ACCOUNT")
        self.assertEqual(again[:2], (409, "ConflictException"))
        self.assertEqual(self.refusal(client.list_analyzers, type="WORLD")[:2], (400, "ValidationException"))


class Trails(StandInCase):
    def setUp(self) -> None:
        super().setUp()
        self.here, self.there = self.client("cloudtrail"), self.client("cloudtrail", region=ELSEWHERE)
        bucket = f"trail-{self.account}"
        self.client("s3").create_bucket(Bucket=bucket)
        logs = {"CloudWatchLogsLogGroupArn": f"arn:aws:logs:{REGION}:{self.account}:log-group:trail:*", "EnableLogFileValidation": True}
        self.arn = self.here.create_trail(Name="all", S3BucketName=bucket, IsMultiRegionTrail=True, **logs)["TrailARN"]
        self.here.create_trail(Name="local", S3BucketName=bucket)

    def test_a_trail_is_known_by_its_arn_everywhere(self) -> None:
        shadows = self.there.describe_trails()["trailList"]
        self.assertEqual([(trail["TrailARN"], trail["HomeRegion"]) for trail in shadows], [(self.arn, REGION)])
        for region, names in ((self.here, ["all"]), (self.there, [self.arn])):
            self.assertEqual([trail["Name"] for trail in region.describe_trails(trailNameList=names)["trailList"]], ["all"])
        self.assertEqual(self.here.describe_trails(trailNameList=["nobodys"])["trailList"], [])
        self.assertFalse(self.there.get_trail_status(Name=self.arn)["IsLogging"])
        selectors = self.there.get_event_selectors(TrailName=self.arn)
        self.assertEqual(selectors["EventSelectors"][0]["ReadWriteType"], "All")
        self.assertTrue(selectors["EventSelectors"][0]["IncludeManagementEvents"])
        self.assertEqual(self.refusal(self.there.get_event_selectors, TrailName="all")[1], "TrailNotFoundException")

    def test_what_it_delivered_is_told_once_it_logs(self) -> None:
        self.assertNotIn("LatestCloudWatchLogsDeliveryTime", self.here.get_trail_status(Name=self.arn))
        for name in ("all", "local"):
            self.here.start_logging(Name=name)
        status = self.there.get_trail_status(Name=self.arn)
        for moment in ("LatestCloudWatchLogsDeliveryTime", "LatestDeliveryTime", "LatestDigestDeliveryTime"):
            self.assertLess(datetime.now(UTC) - status[moment], timedelta(minutes=5))
        self.assertNotIn("LatestCloudWatchLogsDeliveryTime", self.here.get_trail_status(Name="local"))

    def test_selectors_of_ones_own_are_custom(self) -> None:
        own = [{"ReadWriteType": "WriteOnly", "IncludeManagementEvents": True, "DataResources": []}]
        self.here.put_event_selectors(TrailName="all", EventSelectors=own)
        trails = {trail["Name"]: trail for trail in self.here.describe_trails()["trailList"]}
        self.assertEqual((trails["all"]["HasCustomEventSelectors"], trails["local"]["HasCustomEventSelectors"]), (True, False))
        self.assertNotIn("KmsKeyId", trails["local"])
        self.assertEqual(self.here.get_event_selectors(TrailName="all")["EventSelectors"][0]["ReadWriteType"], "WriteOnly")


class Buckets(StandInCase):
    def setUp(self) -> None:
        super().setUp()
        self.s3, self.bucket = self.client("s3"), {"Bucket": f"bucket-{self.account}"}
        self.s3.create_bucket(**self.bucket)

    def test_mfa_delete_is_kept(self) -> None:
        self.assertNotIn("MFADelete", self.s3.get_bucket_versioning(**self.bucket))
        for wanted in ("Enabled", "Disabled"):
            self.s3.put_bucket_versioning(**self.bucket, VersioningConfiguration={"Status": "Enabled", "MFADelete": wanted})
            told = self.s3.get_bucket_versioning(**self.bucket)
            self.assertEqual((told["Status"], told["MFADelete"]), ("Enabled", wanted))

    def test_an_acl_tells_every_permission(self) -> None:
        self.s3.put_bucket_acl(**self.bucket, ACL="public-read-write")
        grants = [grant for grant in self.s3.get_bucket_acl(**self.bucket)["Grants"] if grant["Grantee"]["Type"] == "Group"]
        self.assertEqual([grant["Permission"] for grant in grants], ["READ", "WRITE"])

    def test_logging_is_switched_on_under_any_policy(self) -> None:
        statement = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": f"arn:aws:s3:::{self.bucket['Bucket']}/*"}
        self.s3.put_bucket_policy(**self.bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
        target = {"TargetBucket": self.bucket["Bucket"], "TargetPrefix": ""}
        self.s3.put_bucket_logging(**self.bucket, BucketLoggingStatus={"LoggingEnabled": target})
        self.assertEqual(self.s3.get_bucket_logging(**self.bucket)["LoggingEnabled"]["TargetBucket"], self.bucket["Bucket"])

    def test_the_accounts_own_block_answers_on_the_one_port_under_any_host(self) -> None:
        path, account = "/v20180820/configuration/publicAccessBlock", {"x-amz-account-id": self.account}
        for host in (f"127.0.0.1:{self.stand_in.port}", f"{self.account}.s3-control.{REGION}.amazonaws.com", "s3.amazonaws.com"):
            request = AWSRequest("GET", f"http://{host}{path}", headers=account | {"Host": host})
            agent = self.agent()
            S3SigV4Auth(SigningCredentials(agent.key_id, agent.secret, agent.token), "s3", REGION).add_auth(request)
            connection = http.client.HTTPConnection("127.0.0.1", self.stand_in.port, timeout=20)
            self.addCleanup(connection.close)
            connection.request("GET", path, headers=dict(request.headers.items()))
            answer = connection.getresponse()
            self.assertEqual(answer.status, 404, host)
            self.assertIn(b"<Code>NoSuchPublicAccessBlockConfiguration</Code>", answer.read())


class Keys(StandInCase):
    def test_metadata_is_complete(self) -> None:
        kms = self.client("kms")
        key = kms.create_key()["KeyMetadata"]["KeyId"]
        told = kms.describe_key(KeyId=key)["KeyMetadata"]
        self.assertEqual([told[name] for name in ("KeyUsage", "KeyManager", "MultiRegion")], ["ENCRYPT_DECRYPT", "CUSTOMER", False])
        self.assertIn("kms:*", kms.get_key_policy(KeyId=key)["Policy"])

    def test_the_key_that_ebs_takes_by_itself_is_awss(self) -> None:
        ec2, kms = self.client("ec2"), self.client("kms")
        volume = ec2.create_volume(AvailabilityZone=f"{REGION}a", Size=1, Encrypted=True)
        self.assertEqual(kms.describe_key(KeyId=volume["KmsKeyId"])["KeyMetadata"]["KeyManager"], "AWS")


class Recorders(StandInCase):
    def test_a_recorder_that_was_started_has_delivered(self) -> None:
        config = self.client("config")
        role = f"arn:aws:iam::{self.account}:role/recorder"
        config.put_configuration_recorder(ConfigurationRecorder={"name": "default", "roleARN": role})
        self.client("s3").create_bucket(Bucket=f"config-{self.account}")
        config.put_delivery_channel(DeliveryChannel={"name": "default", "s3BucketName": f"config-{self.account}"})
        status = config.describe_configuration_recorder_status
        self.assertFalse(status()["ConfigurationRecordersStatus"][0]["recording"])
        config.start_configuration_recorder(ConfigurationRecorderName="default")
        told = status()["ConfigurationRecordersStatus"][0]
        self.assertEqual((told["recording"], told["lastStatus"]), (True, "SUCCESS"))


class Types(StandInCase):
    def test_json_is_called_json(self) -> None:
        for service, operation, wanted in (
            ("config", "describe_configuration_recorders", "application/x-amz-json-1.1"),
            ("kms", "list_keys", "application/x-amz-json-1.1"),
            ("logs", "describe_log_groups", "application/x-amz-json-1.1"),
            ("cloudtrail", "describe_trails", "application/x-amz-json-1.1"),
            ("cloudwatch", "describe_alarms", "application/x-amz-json-1.0"),
            ("efs", "describe_file_systems", "application/json"),
        ):
            told = getattr(self.client(service), operation)()["ResponseMetadata"]["HTTPHeaders"]["content-type"]
            self.assertEqual(told, wanted, service)


class Networks(StandInCase):
    def setUp(self) -> None:
        super().setUp()
        self.ec2 = self.client("ec2")

    def test_a_default_group_lets_itself_in_until_it_is_emptied(self) -> None:
        named = {"Filters": [{"Name": "group-name", "Values": ["default"]}]}
        group = self.ec2.describe_security_groups(**named)["SecurityGroups"][0]
        pairs = [pair["GroupId"] for permission in group["IpPermissions"] for pair in permission["UserIdGroupPairs"]]
        self.assertEqual((pairs, group["IpPermissions"][0]["IpProtocol"]), ([group["GroupId"]], "-1"))
        self.ec2.revoke_security_group_ingress(GroupId=group["GroupId"], IpPermissions=group["IpPermissions"])
        self.assertEqual(self.ec2.describe_security_groups(**named)["SecurityGroups"][0]["IpPermissions"], [])

    def test_snapshots_have_owners(self) -> None:
        volume = self.ec2.create_volume(AvailabilityZone=f"{REGION}a", Size=1)["VolumeId"]
        mine = self.ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
        for owners, ids in (("self", [mine]), (self.account, [mine]), ("999988887777", [])):
            snapshots = self.ec2.describe_snapshots(OwnerIds=[owners])["Snapshots"]
            self.assertEqual([snapshot["SnapshotId"] for snapshot in snapshots], ids)

    def test_public_snapshots_are_blocked_by_region(self) -> None:
        state = self.ec2.get_snapshot_block_public_access_state
        self.assertEqual(state()["State"], "unblocked")
        self.ec2.enable_snapshot_block_public_access(State="block-new-sharing")
        self.assertEqual(state()["State"], "block-new-sharing")
        self.assertEqual(self.client("ec2", region=ELSEWHERE).get_snapshot_block_public_access_state()["State"], "unblocked")
        self.ec2.disable_snapshot_block_public_access()
        self.assertEqual(state()["State"], "unblocked")

    def test_vpcs_are_shut_to_the_internet_by_region(self) -> None:
        options = self.ec2.describe_vpc_block_public_access_options
        self.assertEqual(options()["VpcBlockPublicAccessOptions"]["InternetGatewayBlockMode"], "off")
        self.ec2.modify_vpc_block_public_access_options(InternetGatewayBlockMode="block-ingress")
        told = options()["VpcBlockPublicAccessOptions"]
        self.assertEqual((told["InternetGatewayBlockMode"], told["State"]), ("block-ingress", "update-complete"))


class Machines(StandInCase):
    def test_an_instance_is_virtualized_as_its_image_is(self) -> None:
        ec2 = self.client("ec2")
        for told, virtualization in (({"VirtualizationType": "hvm"}, "hvm"), ({}, "paravirtual")):
            image = ec2.register_image(Name=f"base-{virtualization}", RootDeviceName="/dev/sda1", **told)["ImageId"]
            self.assertEqual(ec2.describe_images(ImageIds=[image])["Images"][0]["VirtualizationType"], virtualization)
            run = ec2.run_instances(ImageId=image, InstanceType="m3.medium", MinCount=1, MaxCount=1)
            self.assertEqual(run["Instances"][0]["VirtualizationType"], virtualization)


class Databases(StandInCase):
    def test_an_instance_of_a_cluster_tells_the_exports_of_its_cluster(self) -> None:
        rds, aurora = self.client("rds"), {"DBClusterIdentifier": "orders", "Engine": "aurora-postgresql"}
        login = {"MasterUsername": "keeper", "MasterUserPassword": "not-a-secret-1"}
        rds.create_db_cluster(EnableCloudwatchLogsExports=["postgresql"], **aurora, **login)
        rds.create_db_instance(DBInstanceIdentifier="member", DBInstanceClass="db.r6g.large", **aurora)
        alone = {"DBInstanceClass": "db.t3.medium", "Engine": "postgres", "AllocatedStorage": 20, **login}
        rds.create_db_instance(DBInstanceIdentifier="alone", EnableCloudwatchLogsExports=["upgrade"], **alone)
        exports = {it["DBInstanceIdentifier"]: it["EnabledCloudwatchLogsExports"] for it in rds.describe_db_instances()["DBInstances"]}
        self.assertEqual(exports, {"member": ["postgresql"], "alone": ["upgrade"]})


class Topics(StandInCase):
    def test_a_mailbox_is_pending_and_a_queue_is_not(self) -> None:
        sns = self.client("sns")
        topic = sns.create_topic(Name="alarms")["TopicArn"]
        sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="ada@example.com")
        queue = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:{REGION}:{self.account}:on-call")["SubscriptionArn"]
        listed = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
        arns = {subscription["Protocol"]: subscription["SubscriptionArn"] for subscription in listed}
        self.assertEqual(arns, {"email": "PendingConfirmation", "sqs": queue})
        counts = sns.get_topic_attributes(TopicArn=topic)["Attributes"]
        self.assertEqual((counts["SubscriptionsPending"], counts["SubscriptionsConfirmed"]), ("1", "1"))


class ShutRegions(StandInCase):
    def test_a_region_that_is_not_enabled_refuses_motos_services_too(self) -> None:
        for service, operation, wanted in (
            ("ec2", "describe_vpcs", (401, "AuthFailure")),
            ("kms", "list_keys", (400, "UnrecognizedClientException")),
            ("sns", "list_topics", (403, "InvalidClientTokenId")),
            ("rds", "describe_db_instances", (403, "InvalidClientTokenId")),
            ("efs", "describe_file_systems", (403, "UnrecognizedClientException")),
            ("cloudwatch", "describe_alarms", (400, "UnrecognizedClientException")),
            ("accessanalyzer", "list_analyzers", (403, "UnrecognizedClientException")),
        ):
            client = self.client(service, region="ap-east-1")
            self.assertEqual(self.refusal(getattr(client, operation))[:2], wanted, service)

    def test_services_without_a_region_answer_from_everywhere(self) -> None:
        self.client("iam", region="ap-east-1").list_users()
        self.client("s3", region="ap-east-1").list_buckets()
        self.client("sts", region="ap-east-1").get_caller_identity()
