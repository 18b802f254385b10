"""The metric filters that the CIS benchmark prescribes, each with its alarm, its topic and somebody who listens.

The patterns are those of the "CloudWatch" page of the Security Hub controls reference, which admits no other.
"""

from enum import Enum

from .site import Site
from .trails import LOG_GROUP

NAMESPACE = "LogMetrics"


def _any(*names: str) -> str:
    return " || ".join(f"($.eventName={name})" for name in names)


IAM_VERBS = "DeleteGroupPolicy DeleteRolePolicy DeleteUserPolicy PutGroupPolicy PutRolePolicy PutUserPolicy CreatePolicy DeletePolicy"
IAM_MORE = "CreatePolicyVersion DeletePolicyVersion AttachRolePolicy DetachRolePolicy AttachUserPolicy DetachUserPolicy"
TRAIL = "CreateTrail UpdateTrail DeleteTrail StartLogging StopLogging"
BUCKET = "PutBucketAcl PutBucketPolicy PutBucketCors PutBucketLifecycle PutBucketReplication DeleteBucketPolicy DeleteBucketCors"
RECORDER = "StopConfigurationRecorder DeleteDeliveryChannel PutDeliveryChannel PutConfigurationRecorder"
GROUP = "AuthorizeSecurityGroupIngress AuthorizeSecurityGroupEgress RevokeSecurityGroupIngress RevokeSecurityGroupEgress"
ACL = "CreateNetworkAcl CreateNetworkAclEntry DeleteNetworkAcl DeleteNetworkAclEntry ReplaceNetworkAclEntry ReplaceNetworkAclAssociation"
GATEWAY = "CreateCustomerGateway DeleteCustomerGateway AttachInternetGateway CreateInternetGateway DeleteInternetGateway"
ROUTE = "CreateRoute CreateRouteTable ReplaceRoute ReplaceRouteTableAssociation DeleteRouteTable DeleteRoute DisassociateRouteTable"
VPC = "CreateVpc DeleteVpc ModifyVpcAttribute AcceptVpcPeeringConnection CreateVpcPeeringConnection DeleteVpcPeeringConnection"
VPC_MORE = "RejectVpcPeeringConnection AttachClassicLinkVpc DetachClassicLinkVpc DisableVpcClassicLink EnableVpcClassicLink"

PATTERNS = {
    "CloudWatch.1": '{$.userIdentity.type="Root" && $.userIdentity.invokedBy NOT EXISTS && $.eventType !="AwsServiceEvent"}',
    "CloudWatch.2": '{($.errorCode="*UnauthorizedOperation") || ($.errorCode="AccessDenied*")}',
    "CloudWatch.3": '{ ($.eventName = "ConsoleLogin") && ($.additionalEventData.MFAUsed != "Yes") && ($.userIdentity.type = "IAMUser")'
    ' && ($.responseElements.ConsoleLogin = "Success") }',
    "CloudWatch.4": "{($.eventSource=iam.amazonaws.com) && ("
    f"{_any(*IAM_VERBS.split(), *IAM_MORE.split(), 'AttachGroupPolicy', 'DetachGroupPolicy')})}}",
    "CloudWatch.5": f"{{{_any(*TRAIL.split())}}}",
    "CloudWatch.6": '{($.eventName=ConsoleLogin) && ($.errorMessage="Failed authentication")}',
    "CloudWatch.7": f"{{($.eventSource=kms.amazonaws.com) && ({_any('DisableKey', 'ScheduleKeyDeletion')})}}",
    "CloudWatch.8": "{($.eventSource=s3.amazonaws.com) && ("
    f"{_any(*BUCKET.split(), 'DeleteBucketLifecycle', 'DeleteBucketReplication')})}}",
    "CloudWatch.9": f"{{($.eventSource=config.amazonaws.com) && ({_any(*RECORDER.split())})}}",
    "CloudWatch.10": f"{{{_any(*GROUP.split(), 'CreateSecurityGroup', 'DeleteSecurityGroup')}}}",
    "CloudWatch.11": f"{{{_any(*ACL.split())}}}",
    "CloudWatch.12": f"{{{_any(*GATEWAY.split(), 'DetachInternetGateway')}}}",
    "CloudWatch.13": f"{{($.eventSource=ec2.amazonaws.com) && ({_any(*ROUTE.split())})}}",
    "CloudWatch.14": f"{{{_any(*VPC.split(), *VPC_MORE.split())}}}",
}


class Watch(Enum):
    """How far the watch over one pattern goes. Only `COMPLETE` holds."""

    COMPLETE = "filter, alarm, topic, listener"
    NOTHING = "no filter"
    NO_ALARM = "a filter, but no alarm on its metric"
    NO_ACTION = "an alarm that tells nobody"
    OTHER_PATTERN = "a filter with one term more than prescribed"
    OTHER_GROUP = "a filter on a log group that no trail writes to"
    UNHEARD = "a topic whose only listener never confirmed"
    SILENT = "a topic without listeners"


MIXED = {
    "CloudWatch.2": Watch.NOTHING,
    "CloudWatch.3": Watch.NO_ALARM,
    "CloudWatch.4": Watch.NO_ACTION,
    "CloudWatch.5": Watch.OTHER_PATTERN,
    "CloudWatch.6": Watch.UNHEARD,
    "CloudWatch.9": Watch.SILENT,
    "CloudWatch.14": Watch.OTHER_GROUP,
}
WATCHES = {
    "hardened": dict.fromkeys(PATTERNS, Watch.COMPLETE),
    "mixed": dict.fromkeys(PATTERNS, Watch.COMPLETE) | MIXED,
    "bad": dict.fromkeys(PATTERNS, Watch.NOTHING),
}


def configure(site: Site) -> None:
    """In the home Region. Elsewhere a trail of another Region leaves no verdict; where there is no trail at all, nothing is watched."""
    topics = {} if site.profile == "bad" else _make_topics(site)
    for control, watch in WATCHES[site.profile].items():
        _set_up(site, control, watch, topics)
        for region in site.regions if site.profile == "bad" else [site.home]:
            site.judge(watch is Watch.COMPLETE, control, *(["IAM.20"] if control == "CloudWatch.1" else []), region=region)


def _make_topics(site: Site) -> dict[Watch, str]:
    """The topics by what is wrong with them; a queue confirms its subscription by itself, a mailbox does not."""
    sns = site.client("sns")
    heard, unheard, silent = (sns.create_topic(Name=name)["TopicArn"] for name in ("alarms", "alarms-unheard", "alarms-silent"))
    sns.subscribe(TopicArn=heard, Protocol="sqs", Endpoint=f"arn:aws:sqs:{site.home}:{site.account}:on-call")
    sns.subscribe(TopicArn=unheard, Protocol="email", Endpoint="nobody@example.com")
    if site.profile == "mixed":
        site.client("logs").create_log_group(logGroupName="other")
    return {Watch.UNHEARD: unheard, Watch.SILENT: silent, Watch.COMPLETE: heard}


def _set_up(site: Site, control: str, watch: Watch, topics: dict[Watch, str]) -> None:
    if watch is Watch.NOTHING:
        return
    name, pattern = control.replace(".", "-"), PATTERNS[control]
    if watch is Watch.OTHER_PATTERN:
        pattern = f"{{({pattern[1:-1]}) && ($.awsRegion={site.home})}}"
    group = "other" if watch is Watch.OTHER_GROUP else LOG_GROUP
    metric = {"metricName": name, "metricNamespace": NAMESPACE, "metricValue": "1"}
    site.client("logs").put_metric_filter(logGroupName=group, filterName=name, filterPattern=pattern, metricTransformations=[metric])
    if watch is Watch.NO_ALARM:
        return
    actions = [] if watch is Watch.NO_ACTION else [topics.get(watch, topics[Watch.COMPLETE])]
    site.client("cloudwatch").put_metric_alarm(
        AlarmName=name,
        MetricName=name,
        Namespace=NAMESPACE,
        Statistic="Sum",
        Period=300,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        AlarmActions=actions,
        TreatMissingData="notBreaching",
    )
