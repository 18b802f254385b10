"""Looks again, through the services' own clients, at what `configured/` says must be found.

Each truth takes a resource and says whether the control holds for it, by what AWS tells of it. It is written against the
answers, not against the tables that the accounts were made from, and covers the controls that one answer or two decide.
"""

import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from urllib.parse import unquote

from botocore.exceptions import ClientError

ANYWHERE = {"0.0.0.0/0", "::/0"}


class Truths:
    """Questions to one account in one Region; `client` gives a client of a service there."""

    def __init__(self, client: Callable, account: str, region: str):
        self._client = cache(client)
        self._account = account
        self._region = region
        self._known: dict[str, Callable[[str], bool]] = {
            "CloudTrail.2": lambda arn: "KmsKeyId" in self._trail(arn),
            "CloudTrail.4": lambda arn: self._trail(arn)["LogFileValidationEnabled"],
            "CloudTrail.5": lambda arn: "CloudWatchLogsLogGroupArn" in self._trail(arn),
            "CloudTrail.6": lambda arn: not self._is_public(_name(arn)),
            "CloudTrail.7": lambda arn: "LoggingEnabled" in self._s3("get_bucket_logging", _name(arn)),
            "EC2.2": self._is_empty,
            "EC2.6": self._logs_rejects,
            "EC2.7": lambda _: self._client("ec2").get_ebs_encryption_by_default()["EbsEncryptionByDefault"],
            "EC2.8": lambda arn: self._instance(arn)["MetadataOptions"]["HttpTokens"] == "required",
            "EC2.9": lambda arn: "PublicIpAddress" not in self._instance(arn),
            "EC2.24": lambda arn: self._instance(arn)["VirtualizationType"] == "hvm",
            "EC2.13": lambda arn: not self._lets_in(arn, 22, ANYWHERE),
            "EC2.14": lambda arn: not self._lets_in(arn, 3389, ANYWHERE),
            "EC2.21": self._is_closed,
            "EC2.53": lambda arn: not any(self._lets_in(arn, port, {"0.0.0.0/0"}) for port in (22, 3389)),
            "EC2.54": lambda arn: not any(self._lets_in(arn, port, {"::/0"}) for port in (22, 3389)),
            "EFS.1": lambda arn: self._file_system(arn)["Encrypted"] and "KmsKeyId" in self._file_system(arn),
            "EFS.8": lambda arn: self._file_system(arn)["Encrypted"],
            "IAM.1": lambda arn: not self._allows_everything(arn),
            "IAM.2": self._has_no_policies,
            "IAM.3": lambda arn: all(made > _days_ago(90) for made, _ in self._used_keys(arn)),
            "IAM.4": lambda _: not self._summary()["AccountAccessKeysPresent"],
            "IAM.5": lambda arn: self._row(arn)["mfa_active"] == "true" or self._row(arn)["password_enabled"] == "false",
            "IAM.6": lambda _: bool(self._summary()["AccountMFAEnabled"]) and not self._root_devices(),
            "IAM.8": lambda arn: self._oldest_use(arn) > _days_ago(90),
            "IAM.9": lambda _: bool(self._summary()["AccountMFAEnabled"]),
            "IAM.11": lambda _: self._passwords().get("RequireUppercaseCharacters"),
            "IAM.12": lambda _: self._passwords().get("RequireLowercaseCharacters"),
            "IAM.13": lambda _: self._passwords().get("RequireSymbols"),
            "IAM.14": lambda _: self._passwords().get("RequireNumbers"),
            "IAM.15": lambda _: self._passwords().get("MinimumPasswordLength", 0) >= 14,
            "IAM.16": lambda _: self._passwords().get("PasswordReusePrevention", 0) >= 24,
            "IAM.17": lambda _: 0 < self._passwords().get("MaxPasswordAge", 0) <= 90,
            "IAM.18": lambda _: any(":role/" in arn for arn in self._holders("AWSSupportAccess")),
            "IAM.22": lambda arn: self._oldest_use(arn) > _days_ago(45),
            "IAM.26": lambda arn: self._certificate(arn)["Expiration"] > datetime.now(UTC),
            "IAM.27": lambda arn: arn not in self._holders("AWSCloudShellFullAccess"),
            "IAM.28": lambda _: bool(self._client("accessanalyzer").list_analyzers(type="ACCOUNT")["analyzers"]),
            "KMS.2": lambda arn: not self._decrypts_everything(arn),
            "KMS.4": lambda arn: self._client("kms").get_key_rotation_status(KeyId=arn)["KeyRotationEnabled"],
            "RDS.2": lambda arn: not self._database(arn)["PubliclyAccessible"],
            "RDS.3": lambda arn: self._database(arn)["StorageEncrypted"],
            "RDS.5": lambda arn: self._database(arn)["MultiAZ"],
            "RDS.6": lambda arn: self._database(arn)["MonitoringInterval"] > 0,
            "RDS.9": lambda arn: self._logs_of(self._database(arn)) <= set(self._database(arn)["EnabledCloudwatchLogsExports"]),
            "RDS.13": lambda arn: self._database(arn)["AutoMinorVersionUpgrade"],
            "RDS.15": lambda arn: self._client("rds").describe_db_clusters(DBClusterIdentifier=_name(arn))["DBClusters"][0]["MultiAZ"],
            "S3.2": lambda arn: not self._is_public(_name(arn)) and not self._everybody_may(_name(arn), "READ"),
            "S3.3": lambda arn: not self._everybody_may(_name(arn), "WRITE"),
            "S3.4": lambda arn: self._has("get_bucket_encryption", _name(arn)),
            "S3.5": lambda arn: "aws:SecureTransport" in self._policy(_name(arn)),
            "S3.8": lambda arn: self._blocks_all(_name(arn)),
            "S3.14": lambda arn: self._s3("get_bucket_versioning", _name(arn)).get("Status") == "Enabled",
            "S3.20": lambda arn: self._s3("get_bucket_versioning", _name(arn)).get("MFADelete") == "Enabled",
        }

    def controls(self) -> set[str]:
        return set(self._known)

    def holds(self, control: str, resource: str) -> bool:
        return bool(self._known[control](resource))

    def _trail(self, arn: str) -> dict:
        return self._client("cloudtrail").describe_trails(trailNameList=[arn])["trailList"][0]

    def _s3(self, operation: str, bucket: str) -> dict:
        return getattr(self._client("s3"), operation)(Bucket=bucket)

    def _has(self, operation: str, bucket: str) -> bool:
        try:
            return bool(self._s3(operation, bucket))
        except ClientError:
            return False

    def _policy(self, bucket: str) -> str:
        return self._s3("get_bucket_policy", bucket)["Policy"] if self._has("get_bucket_policy", bucket) else ""

    def _is_public(self, bucket: str) -> bool:
        return self._has("get_bucket_policy", bucket) and self._s3("get_bucket_policy_status", bucket)["PolicyStatus"]["IsPublic"]

    def _everybody_may(self, bucket: str, what: str) -> bool:
        grants = self._s3("get_bucket_acl", bucket)["Grants"]
        return any(it["Grantee"].get("URI", "").endswith("/AllUsers") and it["Permission"] == what for it in grants)

    def _blocks_all(self, bucket: str) -> bool:
        if not self._has("get_public_access_block", bucket):
            return False
        return all(self._s3("get_public_access_block", bucket)["PublicAccessBlockConfiguration"].values())

    def _group(self, arn: str) -> dict:
        return self._client("ec2").describe_security_groups(GroupIds=[_name(arn)])["SecurityGroups"][0]

    def _is_empty(self, arn: str) -> bool:
        return not (self._group(arn)["IpPermissions"] or self._group(arn)["IpPermissionsEgress"])

    def _lets_in(self, arn: str, port: int, sources: set[str]) -> bool:
        for rule in self._group(arn)["IpPermissions"]:
            given = {it["CidrIp"] for it in rule["IpRanges"]} | {it["CidrIpv6"] for it in rule["Ipv6Ranges"]}
            if given & sources and (rule["IpProtocol"] == "-1" or rule["FromPort"] <= port <= rule["ToPort"]):
                return True
        return False

    def _logs_rejects(self, arn: str) -> bool:
        logs = self._client("ec2").describe_flow_logs(Filters=[{"Name": "resource-id", "Values": [_name(arn)]}])["FlowLogs"]
        return any(log["TrafficType"] in ("ALL", "REJECT") for log in logs)

    def _is_closed(self, arn: str) -> bool:
        entries = self._client("ec2").describe_network_acls(NetworkAclIds=[_name(arn)])["NetworkAcls"][0]["Entries"]
        allowed = [entry for entry in entries if entry["RuleAction"] == "allow" and not entry["Egress"]]
        wide = [entry for entry in allowed if {entry.get("CidrBlock"), entry.get("Ipv6CidrBlock")} & ANYWHERE]
        return not any(entry["PortRange"]["From"] <= port <= entry["PortRange"]["To"] for entry in wide for port in (22, 3389))

    def _instance(self, arn: str) -> dict:
        return self._client("ec2").describe_instances(InstanceIds=[_name(arn)])["Reservations"][0]["Instances"][0]

    @staticmethod
    def _logs_of(database: dict) -> set[str]:
        return {"postgresql", "upgrade"} if database["Engine"] == "postgres" else {"postgresql"}

    def _decrypts_everything(self, arn: str) -> bool:
        """By the policies in it; of those here, no two statements belong together."""
        kind, *_, name = arn.split(":")[-1].split("/")
        ask, who = self._client("iam"), {f"{kind.title()}Name": name}
        for policy in getattr(ask, f"list_{kind}_policies")(**who)["PolicyNames"]:
            document = getattr(ask, f"get_{kind}_policy")(PolicyName=policy, **who)["PolicyDocument"]
            for statement in document["Statement"]:
                actions = {statement["Action"]} if isinstance(statement["Action"], str) else {*statement["Action"]}
                if statement["Effect"] == "Allow" and statement["Resource"] == "*" and actions & {"*", "kms:*", "kms:Decrypt"}:
                    return True
        return False

    def _database(self, arn: str) -> dict:
        return self._client("rds").describe_db_instances(DBInstanceIdentifier=_name(arn))["DBInstances"][0]

    def _file_system(self, arn: str) -> dict:
        return self._client("efs").describe_file_systems(FileSystemId=_name(arn))["FileSystems"][0]

    def _summary(self) -> dict:
        return self._client("iam").get_account_summary()["SummaryMap"]

    def _passwords(self) -> dict:
        try:
            return self._client("iam").get_account_password_policy()["PasswordPolicy"]
        except ClientError:
            return {}

    def _holders(self, policy: str) -> set[str]:
        """The ARNs of whom one of AWS's own policies is attached to."""
        held = self._client("iam").list_entities_for_policy(PolicyArn=f"arn:aws:iam::aws:policy/{policy}")
        names = [f"role/{it['RoleName']}" for it in held["PolicyRoles"]] + [f"user/{it['UserName']}" for it in held["PolicyUsers"]]
        names += [f"group/{it['GroupName']}" for it in held["PolicyGroups"]]
        return {f"arn:aws:iam::{self._account}:{name}" for name in names}

    def _root_devices(self) -> list[dict]:
        devices = self._client("iam").list_virtual_mfa_devices(AssignmentStatus="Assigned")["VirtualMFADevices"]
        return [device for device in devices if device["SerialNumber"].endswith(":mfa/root-account-mfa-device")]

    @cached_property
    def _report(self) -> dict[str, dict[str, str]]:
        """The credential report's rows by ARN."""
        iam = self._client("iam")
        while iam.generate_credential_report()["State"] != "COMPLETE":
            pass
        return {row["arn"]: row for row in csv.DictReader(io.StringIO(iam.get_credential_report()["Content"].decode()))}

    def _row(self, arn: str) -> dict[str, str]:
        return self._report[arn]

    def _used_keys(self, arn: str) -> list[tuple[datetime, datetime]]:
        """(made, last used) of the active keys; a key that was never used counts from its making."""
        keys, row = [], self._row(arn)
        for key in ("access_key_1", "access_key_2"):
            if row[f"{key}_active"] == "true":
                made, used = row[f"{key}_last_rotated"], row[f"{key}_last_used_date"]
                keys.append((datetime.fromisoformat(made), datetime.fromisoformat(made if used == "N/A" else used)))
        return keys

    def _oldest_use(self, arn: str) -> datetime:
        row, uses = self._row(arn), [used for _, used in self._used_keys(arn)]
        if row["password_enabled"] == "true":
            uses.append(datetime.fromisoformat(row["password_last_used"]))
        return min(uses)

    def _has_no_policies(self, arn: str) -> bool:
        iam, who = self._client("iam"), {"UserName": _name(arn)}
        return not (iam.list_user_policies(**who)["PolicyNames"] or iam.list_attached_user_policies(**who)["AttachedPolicies"])

    def _allows_everything(self, arn: str) -> bool:
        iam = self._client("iam")
        version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
        document = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
        document = json.loads(unquote(document)) if isinstance(document, str) else document
        return any(it["Effect"] == "Allow" and it["Action"] == "*" == it["Resource"] for it in document["Statement"])

    def _certificate(self, arn: str) -> dict:
        listed = self._client("iam").list_server_certificates()["ServerCertificateMetadataList"]
        return next(certificate for certificate in listed if certificate["Arn"] == arn)


def _name(arn: str) -> str:
    """The last part of an ARN."""
    return arn.rpartition(":")[2].rpartition("/")[2]


def _days_ago(days: int) -> datetime:
    return datetime.now(UTC) - timedelta(days=days)
