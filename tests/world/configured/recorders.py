"""AWS Config: the recorder of each Region, what it records, and with which role."""

from enum import Enum

from .site import Site


class Recording(Enum):
    """What a Region's recorder does. Only `ALL` holds."""

    ALL = "everything, with the service-linked role"
    STOPPED = "nothing, though it could record everything"
    SOME = "instances only, with a role of the account's own"
    NONE = "there is no recorder"


HOME = {"hardened": Recording.ALL, "mixed": Recording.ALL, "bad": Recording.NONE}
ELSEWHERE = {"hardened": Recording.ALL, "mixed": Recording.STOPPED, "bad": Recording.SOME}
EVERYTHING = {"allSupported": True, "includeGlobalResourceTypes": True}
INSTANCES = {"allSupported": False, "includeGlobalResourceTypes": False, "resourceTypes": ["AWS::EC2::Instance"]}


def configure(site: Site) -> None:
    role = site.client("iam").create_service_linked_role(AWSServiceName="config.amazonaws.com")["Role"]["Arn"]
    site.judge(True, "IAM.27", "KMS.2", resource=role)
    for region in site.regions:
        recording = (HOME if region == site.home else ELSEWHERE)[site.profile]
        if recording is not Recording.NONE:
            _record(site, region, recording)
        site.judge(recording is Recording.ALL, "Config.1", region=region)


def _record(site: Site, region: str, recording: Recording) -> None:
    config = site.client("config", region)
    role = f"arn:aws:iam::{site.account}:role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig"
    group = EVERYTHING
    if recording is Recording.SOME:
        role, group = site.role("recorder"), INSTANCES
    config.put_configuration_recorder(ConfigurationRecorder={"name": "default", "roleARN": role, "recordingGroup": group})
    config.put_delivery_channel(DeliveryChannel={"name": "default", "s3BucketName": site.buckets[region]["logs"].name})
    if recording is not Recording.STOPPED:
        config.start_configuration_recorder(ConfigurationRecorderName="default")
