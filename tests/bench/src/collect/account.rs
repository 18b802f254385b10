//! A large account, as AWS's services tell of it: pages of what they list, and what they say of one thing.

use std::fmt::Write as _;

use super::call::Call;

/// Types, and how many of each there are; everything else is there once or not at all.
pub(super) const BUCKETS: usize = 1_000;
const EC2: [(&str, &str, usize, Item); 7] = [
    ("DescribeVpcs", "vpcSet", 10, vpc),
    ("DescribeSubnets", "subnetSet", 190, subnet),
    ("DescribeSecurityGroups", "securityGroupInfo", 1_000, group),
    ("DescribeVolumes", "volumeSet", 1_500, volume),
    ("DescribeInstances", "reservationSet", 1_000, instance),
    ("DescribeSnapshots", "snapshotSet", 1_000, snapshot),
    (
        "DescribeNetworkInterfaces",
        "networkInterfaceSet",
        1_500,
        interface,
    ),
];
const IAM: [(&str, &str, usize, Item); 3] = [
    ("ListUsers", "Users", 300, user),
    ("ListRoles", "Roles", 700, role),
    ("ListPolicies", "Policies", 300, policy),
];
const KEYS: usize = 300;
const TOPICS: usize = 300;
const LOG_GROUPS: usize = 500;
const ALARMS: usize = 300;
const INSTANCES_OF_RDS: usize = 98;
/// The account in its Region and without one.
const ACCOUNTS: usize = 2;

/// Writes one entry of a list.
type Item = fn(&mut String, usize);

/// All of them.
pub(super) fn resources() -> usize {
    let lists = EC2.iter().chain(&IAM).map(|(_, _, count, _)| count);
    lists.sum::<usize>()
        + [
            BUCKETS,
            KEYS,
            TOPICS,
            LOG_GROUPS,
            ALARMS,
            INSTANCES_OF_RDS,
            ACCOUNTS,
        ]
        .iter()
        .sum::<usize>()
}

/// Status and text of an answer.
pub(super) fn answer(call: &Call) -> (u16, String) {
    match call.service.as_str() {
        "s3" => s3(call),
        "ec2" => (200, ec2(call)),
        "iam" => (200, query(call, iam(call))),
        "sns" => (200, query(call, sns(call))),
        "rds" => (200, query(call, rds(call))),
        "monitoring" => (200, query(call, cloudwatch(call))),
        "kms" => (200, kms(call)),
        "logs" => (200, logs(call)),
        _ => (200, "{}".to_owned()),
    }
}

// --- S3 ---

fn s3(call: &Call) -> (u16, String) {
    let found = |text: &str| (200, text.to_owned());
    let none = |code: &str| (404, format!("<Error><Code>{code}</Code></Error>"));
    match call.first_of_query() {
        _ if call.path == "/" => (200, buckets(call)),
        "acl" => found(
            "<AccessControlPolicy><Owner><ID>75aa57f09aa0c8caeab4f8c24e99d10f8e7faeebf76c078efc7c6caea54ba06a</ID></Owner><AccessControlList><Grant><Grantee><ID>75aa57f09aa0c8caeab4f8c24e99d10f8e7faeebf76c078efc7c6caea54ba06a</ID></Grantee><Permission>FULL_CONTROL</Permission></Grant></AccessControlList></AccessControlPolicy>",
        ),
        "policy" => (200, document(8)),
        "policyStatus" => found("<PolicyStatus><IsPublic>false</IsPublic></PolicyStatus>"),
        "encryption" => found(
            "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault><BucketKeyEnabled>true</BucketKeyEnabled></Rule></ServerSideEncryptionConfiguration>",
        ),
        "versioning" => {
            found("<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>")
        }
        "logging" => found(
            "<BucketLoggingStatus><LoggingEnabled><TargetBucket>bucket-000000</TargetBucket><TargetPrefix>s3/</TargetPrefix></LoggingEnabled></BucketLoggingStatus>",
        ),
        "ownershipControls" => found(
            "<OwnershipControls><Rule><ObjectOwnership>BucketOwnerEnforced</ObjectOwnership></Rule></OwnershipControls>",
        ),
        "lifecycle" => found(
            "<LifecycleConfiguration><Rule><ID>old</ID><Status>Enabled</Status><Filter><Prefix></Prefix></Filter><Expiration><Days>365</Days></Expiration></Rule></LifecycleConfiguration>",
        ),
        "object-lock" => none("ObjectLockConfigurationNotFoundError"),
        "notification" => found("<NotificationConfiguration></NotificationConfiguration>"),
        // Of a bucket and of the account.
        _ => found(
            "<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls><IgnorePublicAcls>true</IgnorePublicAcls><BlockPublicPolicy>true</BlockPublicPolicy><RestrictPublicBuckets>true</RestrictPublicBuckets></PublicAccessBlockConfiguration>",
        ),
    }
}

fn buckets(call: &Call) -> String {
    let (items, next) = call.page("max-buckets", "continuation-token", BUCKETS, |out, n| {
        let _ = write!(
            out,
            "<Bucket><Name>bucket-{n:06}</Name><BucketRegion>us-east-1</BucketRegion><CreationDate>2025-01-01T00:00:00.000Z</CreationDate></Bucket>"
        );
    });
    let next = element("ContinuationToken", next);
    format!("<ListAllMyBucketsResult><Buckets>{items}</Buckets>{next}</ListAllMyBucketsResult>")
}

/// A policy of so many statements, as text.
fn document(statements: usize) -> String {
    let statement = |n: usize| {
        format!(
            r#"{{"Sid":"Statement{n}","Effect":"Deny","Principal":"*","Action":"s3:PutObject","Resource":"arn:aws:s3:::bucket/{n}/*","Condition":{{"Bool":{{"aws:SecureTransport":"false"}}}}}}"#
        )
    };
    let statements: Vec<String> = (0..statements).map(statement).collect();
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{}]}}"#,
        statements.join(",")
    )
}

// --- EC2 ---

fn ec2(call: &Call) -> String {
    let action = call.action.as_str();
    let list = EC2.iter().find(|(listing, ..)| *listing == action);
    let content = match list {
        Some((_, set, count, item)) => {
            let (items, next) = call.page("MaxResults", "NextToken", *count, item);
            format!("<{set}>{items}</{set}>{}", element("nextToken", next))
        }
        None if action == "GetEbsEncryptionByDefault" => {
            "<ebsEncryptionByDefault>true</ebsEncryptionByDefault>".to_owned()
        }
        None => String::new(),
    };
    format!("<{action}Response>{content}</{action}Response>")
}

fn tags(out: &mut String, n: usize) {
    out.push_str("<tagSet>");
    for tag in 0..8 {
        let _ = write!(
            out,
            "<item><key>team-key-{tag}</key><value>value-{tag}-of-{n:06}</value></item>"
        );
    }
    out.push_str("</tagSet>");
}

fn vpc(out: &mut String, n: usize) {
    let _ = write!(
        out,
        "<item><vpcId>vpc-{n:017x}</vpcId><state>available</state><cidrBlock>10.{n}.0.0/16</cidrBlock><isDefault>false</isDefault>"
    );
    tags(out, n);
    out.push_str("</item>");
}

fn subnet(out: &mut String, n: usize) {
    let _ = write!(
        out,
        "<item><subnetId>subnet-{n:017x}</subnetId><vpcId>vpc-{:017x}</vpcId><cidrBlock>10.0.{n}.0/24</cidrBlock><mapPublicIpOnLaunch>false</mapPublicIpOnLaunch><availableIpAddressCount>{n}</availableIpAddressCount>",
        n % 10
    );
    tags(out, n);
    out.push_str("</item>");
}

/// With as many rules as a group may have unless AWS is asked for more.
fn group(out: &mut String, n: usize) {
    let _ = write!(
        out,
        "<item><groupId>sg-{n:017x}</groupId><groupName>group-{n:06}</groupName><groupDescription>Group {n}</groupDescription><vpcId>vpc-{:017x}</vpcId><ipPermissions>",
        n % 10
    );
    for rule in 0..60 {
        let port = 8_000 + rule;
        let _ = write!(
            out,
            "<item><ipProtocol>tcp</ipProtocol><fromPort>{port}</fromPort><toPort>{port}</toPort><groups/><ipRanges><item><cidrIp>10.0.{rule}.0/24</cidrIp><description>Rule {rule} of {n}</description></item></ipRanges><ipv6Ranges/><prefixListIds/></item>"
        );
    }
    out.push_str("</ipPermissions><ipPermissionsEgress/>");
    tags(out, n);
    out.push_str("</item>");
}

fn volume(out: &mut String, n: usize) {
    let _ = write!(
        out,
        "<item><volumeId>vol-{n:017x}</volumeId><size>100</size><availabilityZone>us-east-1a</availabilityZone><status>in-use</status><createTime>2025-01-01T00:00:00.000Z</createTime><encrypted>true</encrypted><volumeType>gp3</volumeType><iops>3000</iops><throughput>125</throughput><attachmentSet><item><volumeId>vol-{n:017x}</volumeId><instanceId>i-{n:017x}</instanceId><device>/dev/xvda</device><status>attached</status><deleteOnTermination>true</deleteOnTermination></item></attachmentSet>"
    );
    tags(out, n);
    out.push_str("</item>");
}

fn instance(out: &mut String, n: usize) {
    let _ = write!(
        out,
        "<item><reservationId>r-{n:017x}</reservationId><ownerId>{}</ownerId><groupSet/><instancesSet><item><instanceId>i-{n:017x}</instanceId><imageId>ami-{n:017x}</imageId><instanceState><code>16</code><name>running</name></instanceState><instanceType>m7g.large</instanceType><launchTime>2026-01-01T00:00:00.000Z</launchTime><placement><availabilityZone>us-east-1a</availabilityZone><tenancy>default</tenancy></placement><subnetId>subnet-{:017x}</subnetId><vpcId>vpc-{:017x}</vpcId><privateIpAddress>10.0.0.1</privateIpAddress><virtualizationType>hvm</virtualizationType><metadataOptions><state>applied</state><httpTokens>required</httpTokens><httpPutResponseHopLimit>2</httpPutResponseHopLimit><httpEndpoint>enabled</httpEndpoint></metadataOptions>",
        super::ACCOUNT,
        n % 190,
        n % 10
    );
    tags(out, n);
    out.push_str("<networkInterfaceSet>");
    interface(out, n);
    out.push_str("</networkInterfaceSet></item></instancesSet></item>");
}

fn snapshot(out: &mut String, n: usize) {
    let _ = write!(
        out,
        "<item><snapshotId>snap-{n:017x}</snapshotId><volumeId>vol-{n:017x}</volumeId><status>completed</status><startTime>2026-01-01T00:00:00.000Z</startTime><progress>100%</progress><ownerId>{}</ownerId><volumeSize>100</volumeSize><encrypted>true</encrypted>",
        super::ACCOUNT
    );
    tags(out, n);
    out.push_str("</item>");
}

fn interface(out: &mut String, n: usize) {
    let _ = write!(
        out,
        "<item><networkInterfaceId>eni-{n:017x}</networkInterfaceId><subnetId>subnet-{:017x}</subnetId><vpcId>vpc-{:017x}</vpcId><status>in-use</status><interfaceType>interface</interfaceType><macAddress>02:00:00:00:00:00</macAddress><privateIpAddress>10.0.0.1</privateIpAddress><sourceDestCheck>true</sourceDestCheck><groupSet><item><groupId>sg-{n:017x}</groupId><groupName>group-{n:06}</groupName></item></groupSet><privateIpAddressesSet><item><privateIpAddress>10.0.0.1</privateIpAddress><primary>true</primary></item></privateIpAddressesSet></item>",
        n % 190,
        n % 10
    );
}

// --- The services with forms ---

fn query(call: &Call, content: String) -> String {
    let action = &call.action;
    format!("<{action}Response><{action}Result>{content}</{action}Result></{action}Response>")
}

fn iam(call: &Call) -> String {
    let list = IAM.iter().find(|(listing, ..)| *listing == call.action);
    if let Some((_, name, count, item)) = list {
        let (items, next) = call.page("MaxItems", "Marker", *count, item);
        return format!("<{name}>{items}</{name}>{}", element("Marker", next));
    }
    let document = || encoded(&document(4));
    match call.action.as_str() {
        "GenerateCredentialReport" => "<State>COMPLETE</State>".to_owned(),
        "GetCredentialReport" => format!("<Content>{}</Content>", super::call::base64(&report())),
        "GetAccountSummary" => {
            "<SummaryMap><entry><key>AccountMFAEnabled</key><value>1</value></entry></SummaryMap>"
                .to_owned()
        }
        "GetPolicyVersion" => format!(
            "<PolicyVersion><Document>{}</Document><VersionId>v1</VersionId></PolicyVersion>",
            document()
        ),
        "ListUserPolicies" | "ListRolePolicies" => {
            "<PolicyNames><member>inline</member></PolicyNames>".to_owned()
        }
        "GetUserPolicy" | "GetRolePolicy" => {
            format!("<PolicyDocument>{}</PolicyDocument>", document())
        }
        "ListAttachedUserPolicies" | "ListAttachedRolePolicies" => {
            "<AttachedPolicies><member><PolicyName>ReadOnlyAccess</PolicyName><PolicyArn>arn:aws:iam::aws:policy/ReadOnlyAccess</PolicyArn></member></AttachedPolicies>".to_owned()
        }
        _ => String::new(),
    }
}

fn user(out: &mut String, n: usize) {
    let _ = write!(
        out,
        "<member><UserName>user-{n:06}</UserName><UserId>AIDA{n:016}</UserId><Arn>arn:aws:iam::{}:user/user-{n:06}</Arn><Path>/</Path><CreateDate>2025-01-01T00:00:00Z</CreateDate></member>",
        super::ACCOUNT
    );
}

fn role(out: &mut String, n: usize) {
    let _ = write!(
        out,
        "<member><RoleName>role-{n:06}</RoleName><RoleId>AROA{n:016}</RoleId><Arn>arn:aws:iam::{}:role/role-{n:06}</Arn><Path>/</Path><CreateDate>2025-01-01T00:00:00Z</CreateDate><MaxSessionDuration>3600</MaxSessionDuration><AssumeRolePolicyDocument>{}</AssumeRolePolicyDocument></member>",
        super::ACCOUNT,
        encoded(&document(1))
    );
}

fn policy(out: &mut String, n: usize) {
    let _ = write!(
        out,
        "<member><PolicyName>policy-{n:06}</PolicyName><PolicyId>ANPA{n:016}</PolicyId><Arn>arn:aws:iam::{}:policy/policy-{n:06}</Arn><Path>/</Path><DefaultVersionId>v1</DefaultVersionId><AttachmentCount>1</AttachmentCount></member>",
        super::ACCOUNT
    );
}

fn report() -> String {
    let mut report = "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,mfa_active,access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,access_key_2_active\n".to_owned();
    let users = (0..IAM[0].2).map(|n| format!("user-{n:06}"));
    for user in std::iter::once("<root_account>".to_owned()).chain(users) {
        let _ = writeln!(
            report,
            "{user},arn:aws:iam::{}:user/{user},2025-01-01T00:00:00+00:00,true,2026-11-01T00:00:00+00:00,2026-10-01T00:00:00+00:00,true,false,N/A,N/A,false",
            super::ACCOUNT
        );
    }
    report
}

/// As IAM writes documents.
fn encoded(document: &str) -> String {
    let mut out = String::with_capacity(document.len() * 2);
    for byte in document.bytes() {
        if byte.is_ascii_alphanumeric() {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

fn sns(call: &Call) -> String {
    match call.action.as_str() {
        "ListTopics" => {
            let (items, next) = call.page("", "NextToken", TOPICS, |out, n| {
                let _ = write!(
                    out,
                    "<member><TopicArn>arn:aws:sns:us-east-1:{}:topic-{n:06}</TopicArn></member>",
                    super::ACCOUNT
                );
            });
            format!("<Topics>{items}</Topics>{}", element("NextToken", next))
        }
        "GetTopicAttributes" => format!(
            "<Attributes><entry><key>Policy</key><value>{}</value></entry></Attributes>",
            document(2).replace('"', "&quot;")
        ),
        _ => "<Subscriptions/>".to_owned(),
    }
}

fn rds(call: &Call) -> String {
    if call.action != "DescribeDBInstances" {
        return String::new();
    }
    let (items, next) = call.page("MaxRecords", "Marker", INSTANCES_OF_RDS, |out, n| {
        let _ = write!(
            out,
            "<DBInstance><DBInstanceIdentifier>db-{n:06}</DBInstanceIdentifier><DBInstanceArn>arn:aws:rds:us-east-1:{}:db:db-{n:06}</DBInstanceArn><Engine>postgres</Engine><StorageEncrypted>true</StorageEncrypted><PubliclyAccessible>false</PubliclyAccessible><MultiAZ>true</MultiAZ></DBInstance>",
            super::ACCOUNT
        );
    });
    let next = element("Marker", next);
    format!("<DBInstances>{items}</DBInstances>{next}")
}

fn cloudwatch(call: &Call) -> String {
    let (items, next) = call.page("MaxRecords", "NextToken", ALARMS, |out, n| {
        let _ = write!(
            out,
            "<member><AlarmName>alarm-{n:06}</AlarmName><AlarmArn>arn:aws:cloudwatch:us-east-1:{}:alarm:alarm-{n:06}</AlarmArn><ActionsEnabled>true</ActionsEnabled><MetricName>metric-{n:06}</MetricName><Namespace>Bench</Namespace><Threshold>1.0</Threshold></member>",
            super::ACCOUNT
        );
    });
    let next = element("NextToken", next);
    format!("<MetricAlarms>{items}</MetricAlarms>{next}")
}

// --- The services with JSON ---

fn kms(call: &Call) -> String {
    match call.action.as_str() {
        "ListKeys" => {
            let (mut items, next) = call.page("Limit", "Marker", KEYS, |out, n| {
                let _ = write!(
                    out,
                    r#"{{"KeyId":"key-{n:06}","KeyArn":"arn:aws:kms:us-east-1:{}:key/key-{n:06}"}},"#,
                    super::ACCOUNT
                );
            });
            items.pop();
            json_list("Keys", &items, "NextMarker", next)
        }
        "DescribeKey" => r#"{"KeyMetadata":{"KeyManager":"CUSTOMER","KeyState":"Enabled","KeySpec":"SYMMETRIC_DEFAULT","Origin":"AWS_KMS","Enabled":true}}"#.to_owned(),
        "GetKeyRotationStatus" => r#"{"KeyRotationEnabled":true}"#.to_owned(),
        _ => format!(r#"{{"Policy":{}}}"#, serde_json::Value::from(document(2))),
    }
}

fn logs(call: &Call) -> String {
    if call.action != "DescribeLogGroups" {
        return r#"{"metricFilters":[]}"#.to_owned();
    }
    let (mut items, next) = call.page("limit", "nextToken", LOG_GROUPS, |out, n| {
        let _ = write!(
            out,
            r#"{{"logGroupName":"/bench/group-{n:06}","retentionInDays":365,"storedBytes":{n}}},"#
        );
    });
    items.pop();
    json_list("logGroups", &items, "nextToken", next)
}

fn json_list(name: &str, items: &str, token: &str, next: Option<String>) -> String {
    let next = next.map(|next| format!(r#","{token}":"{next}""#));
    format!(r#"{{"{name}":[{items}]{}}}"#, next.unwrap_or_default())
}

fn element(name: &str, text: Option<String>) -> String {
    text.map(|text| format!("<{name}>{text}</{name}>"))
        .unwrap_or_default()
}
