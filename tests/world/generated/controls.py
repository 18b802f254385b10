"""Checks of the configuration: what Security Hub and Prowler call them, what they look at. Titles are our own."""

from typing import NamedTuple


class Control(NamedTuple):
    """One check. `kind` is what it looks at; `cis` is its number in CIS 1.2.0 or ""; `prowler` is Prowler's name of it."""

    id: str
    severity: str
    kind: str
    cis: str
    prowler: str
    title: str


CONTROLS = (
    Control(
        "CloudTrail.2", "MEDIUM", "account", "2.7", "cloudtrail_kms_encryption_enabled", "Trails should encrypt their logs with a KMS key"
    ),
    Control("CloudTrail.4", "LOW", "account", "2.2", "cloudtrail_log_file_validation_enabled", "Trails should validate their log files"),
    Control("Config.1", "CRITICAL", "account", "2.5", "config_recorder_all_regions_enabled", "Config should record every resource"),
    Control(
        "EC2.2", "HIGH", "group", "4.3", "ec2_securitygroup_default_restrict_traffic", "The default security group should let nothing pass"
    ),
    Control("EC2.6", "MEDIUM", "vpc", "2.9", "vpc_flow_logs_enabled", "VPCs should write flow logs"),
    Control("EC2.7", "MEDIUM", "account", "", "ec2_ebs_default_encryption", "New volumes should be encrypted"),
    Control("EC2.8", "HIGH", "instance", "", "ec2_instance_imdsv2_enabled", "Instances should ask for IMDSv2"),
    Control("EC2.9", "HIGH", "instance", "", "ec2_instance_public_ip", "Instances should have no public address"),
    Control(
        "EC2.13",
        "HIGH",
        "group",
        "4.1",
        "ec2_securitygroup_allow_ingress_from_internet_to_tcp_port_22",
        "SSH should be closed to the world",
    ),
    Control(
        "EC2.14",
        "HIGH",
        "group",
        "4.2",
        "ec2_securitygroup_allow_ingress_from_internet_to_tcp_port_3389",
        "RDP should be closed to the world",
    ),
    Control("ECR.1", "HIGH", "image", "", "ecr_repositories_scan_images_on_push_enabled", "Image repositories should be scanned"),
    Control("EKS.1", "HIGH", "cluster", "", "eks_cluster_not_publicly_accessible", "Cluster endpoints should not be public"),
    Control("IAM.1", "HIGH", "user", "1.22", "iam_policy_no_administrative_privileges", "No policy should allow everything"),
    Control("IAM.3", "MEDIUM", "user", "1.4", "iam_rotate_access_key_90_days", "Access keys should be younger than 90 days"),
    Control("IAM.4", "CRITICAL", "account", "1.12", "iam_no_root_access_key", "The root user should have no key"),
    Control("IAM.5", "MEDIUM", "user", "1.2", "iam_user_mfa_enabled_console_access", "Console users should have MFA"),
    Control("IAM.8", "MEDIUM", "user", "1.3", "iam_user_accesskey_unused", "Unused credentials should be removed"),
    Control("IAM.9", "CRITICAL", "account", "1.13", "iam_root_mfa_enabled", "The root user should have MFA"),
    Control("KMS.4", "MEDIUM", "account", "2.8", "kms_cmk_rotation_enabled", "KMS keys should rotate"),
    Control(
        "Lambda.1", "CRITICAL", "function", "", "awslambda_function_not_publicly_accessible", "Functions should not be open to everybody"
    ),
    Control(
        "Lambda.2", "MEDIUM", "function", "", "awslambda_function_using_supported_runtimes", "Functions should run on supported runtimes"
    ),
    Control("RDS.2", "CRITICAL", "database", "", "rds_instance_no_public_access", "Databases should not be public"),
    Control("RDS.3", "MEDIUM", "database", "", "rds_instance_storage_encrypted", "Databases should be encrypted"),
    Control("RDS.6", "LOW", "database", "", "rds_instance_enhanced_monitoring_enabled", "Databases should be monitored closely"),
    Control("S3.5", "MEDIUM", "bucket", "", "s3_bucket_secure_transport_policy", "Buckets should refuse plain HTTP"),
    Control("S3.8", "HIGH", "bucket", "", "s3_bucket_level_public_access_block", "Buckets should block public access"),
    Control("S3.9", "MEDIUM", "bucket", "", "s3_bucket_server_access_logging_enabled", "Buckets should log accesses"),
    Control("S3.14", "LOW", "bucket", "", "s3_bucket_object_versioning", "Buckets should keep versions"),
)
