"""The `resource` part of a GuardDuty finding, one function per kind of resource.

Each takes the dice and the estate, and gives the part together with the thing that it is about.
"""

from collections.abc import Callable
from typing import Any

from .dice import Dice, epoch
from .estate import Bucket, Estate, Instance, Named

Part = tuple[dict, Any]


def _instance(dice: Dice, estate: Estate) -> Part:
    instance = dice.skewed(estate.instances)
    return {"resourceType": "Instance", "instanceDetails": instance_details(estate, instance)}, instance


def instance_details(estate: Estate, instance: Instance) -> dict:
    """An EC2 instance as GuardDuty describes it."""
    private_dns = f"ip-{instance.private_ip.replace('.', '-')}.{estate.region}.compute.internal"
    interface = {
        "networkInterfaceId": instance.interface,
        "ipv6Addresses": [],
        "privateDnsName": private_dns,
        "privateIpAddress": instance.private_ip,
        "privateIpAddresses": [{"privateDnsName": private_dns, "privateIpAddress": instance.private_ip}],
        "publicDnsName": f"{instance.name}.example.com",
        "publicIp": instance.public_ip,
        "securityGroups": [{"groupId": estate.security_group, "groupName": "default"}],
        "subnetId": estate.subnet,
        "vpcId": estate.vpc,
    }
    return {
        "availabilityZone": instance.zone,
        "iamInstanceProfile": {
            "arn": f"arn:aws:iam::{estate.account}:instance-profile/app-runtime",
            "id": f"AIPA{instance.id[-17:].upper()}",
        },
        "imageDescription": "Orchard Linux base image",
        "imageId": instance.image,
        "instanceId": instance.id,
        "instanceState": "running",
        "instanceType": instance.type,
        "launchTime": instance.launched.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "networkInterfaces": [interface],
        "platform": None,
        "productCodes": [],
        "tags": _tags(estate.tags(instance.name)),
    }


def _key(dice: Dice, estate: Estate) -> Part:
    user = dice.skewed(estate.users)
    details = {"accessKeyId": _key_id(user), "principalId": f"AIDA{user.id.upper()}", "userName": user.name, "userType": "IAMUser"}
    return {"resourceType": "AccessKey", "accessKeyDetails": details}, user


def _root(_: Dice, estate: Estate) -> Part:
    root = Named("Root", f"arn:aws:iam::{estate.account}:root", estate.account)
    details = {"accessKeyId": "", "principalId": estate.account, "userName": "Root", "userType": "Root"}
    return {"resourceType": "AccessKey", "accessKeyDetails": details}, root


def _bucket(dice: Dice, estate: Estate) -> Part:
    bucket, caller = dice.skewed(estate.buckets), dice.skewed(estate.roles)
    principal = f"AROA{caller.id.upper()}:session"
    details = {"accessKeyId": f"ASIA{caller.id.upper()}", "principalId": principal, "userName": caller.name, "userType": "AssumedRole"}
    part = {"resourceType": "S3Bucket", "accessKeyDetails": details, "s3BucketDetails": [_bucket_details(dice, estate, bucket)]}
    return part, bucket


def _bucket_details(dice: Dice, estate: Estate, bucket: Bucket) -> dict:
    public = dice.random() < 0.3
    blocked = dict.fromkeys(("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"), not public)
    granted = {"allowsPublicReadAccess": public, "allowsPublicWriteAccess": False}
    permissions = {
        "accountLevelPermissions": {"blockPublicAccess": dict.fromkeys(blocked, False)},
        "bucketLevelPermissions": {"accessControlList": granted, "bucketPolicy": granted, "blockPublicAccess": blocked},
    }
    return {
        "arn": bucket.arn,
        "name": bucket.name,
        "type": "Destination",
        "createdAt": epoch(bucket.created),
        "owner": {"id": bucket.owner},
        "tags": _tags(estate.tags(bucket.name)),
        "defaultServerSideEncryption": {"encryptionType": "AES256"},
        "publicAccess": {"effectivePermission": "PUBLIC" if public else "NOT_PUBLIC", "permissionConfiguration": permissions},
    }


def _cluster(dice: Dice, estate: Estate) -> Part:
    cluster = dice.skewed(estate.clusters)
    pod = dice.choice(("agent", "ingress", "jobs"))
    workload = {
        "name": f"{pod}-{dice.hex(5)}",
        "type": "pods",
        "uid": dice.uuid(),
        "namespace": dice.choice(("kube-system", "default", "payments")),
        "hostNetwork": dice.random() < 0.2,
        "containers": [_container(dice, estate, pod)],
        "volumes": [{"name": "host", "hostPath": {"path": "/var/run"}}],
    }
    user = {"username": "system:serviceaccount:default:jobs", "uid": dice.uuid(), "groups": ["system:authenticated"]}
    details = {
        "name": cluster.name,
        "arn": cluster.arn,
        "vpcId": estate.vpc,
        "status": "ACTIVE",
        "tags": [],
        "createdAt": epoch(estate.buckets[0].created),
    }
    kubernetes = {"kubernetesUserDetails": user, "kubernetesWorkloadDetails": workload}
    return {"resourceType": "EKSCluster", "eksClusterDetails": details, "kubernetesDetails": kubernetes}, cluster


def _service(dice: Dice, estate: Estate) -> Part:
    service, task = dice.skewed(estate.services), dice.hex(32)
    place = f"{estate.region}:{estate.account}"
    started = epoch(estate.buckets[0].created)
    details = {
        "name": service.name,
        "arn": service.arn,
        "status": "ACTIVE",
        "activeServicesCount": 3,
        "registeredContainerInstancesCount": 0,
        "runningTasksCount": 9,
        "tags": _tags(estate.tags(service.name)),
        "taskDetails": {
            "arn": f"arn:aws:ecs:{place}:task/{service.name}/{task}",
            "definitionArn": f"arn:aws:ecs:{place}:task-definition/{service.name}:{dice.randint(1, 60)}",
            "version": "4",
            "createdAt": started,
            "startedAt": started,
            "startedBy": "ecs-svc/1",
            "tags": [],
            "volumes": [],
            "containers": [_container(dice, estate, service.name)],
            "group": f"service:{service.name}",
            "launchType": "FARGATE",
        },
    }
    return {"resourceType": "ECSCluster", "ecsClusterDetails": details}, service


def _database(dice: Dice, estate: Estate) -> Part:
    database = dice.skewed(estate.databases)
    details = {
        "dbInstanceIdentifier": database.name,
        "engine": "Aurora MySQL",
        "engineVersion": "8.0.mysql_aurora.3.05",
        "dbClusterIdentifier": f"{database.name}-cluster",
        "dbInstanceArn": database.arn,
        "dbiResourceId": f"db-{database.id.upper()}",
        "tags": _tags(estate.tags(database.name)),
    }
    user = {
        "user": dice.choice(("admin", "report")),
        "application": "mysql",
        "database": "main",
        "ssl": "TLSv1.3",
        "authMethod": "PASSWORD",
    }
    return {"resourceType": "RDSDBInstance", "rdsDbInstanceDetails": details, "rdsDbUserDetails": user}, database


def _function(dice: Dice, estate: Estate) -> Part:
    function = dice.skewed(estate.functions)
    group = {"groupId": estate.security_group, "groupName": "default"}
    details = {
        "functionArn": function.arn,
        "functionName": function.name,
        "description": "",
        "lastModifiedAt": epoch(estate.buckets[0].created),
        "revisionId": dice.uuid(),
        "functionVersion": "$LATEST",
        "role": f"arn:aws:iam::{estate.account}:role/app-runtime",
        "vpcConfig": {"subnetIds": [estate.subnet], "vpcId": estate.vpc, "securityGroups": [group]},
        "tags": _tags(estate.tags(function.name)),
    }
    return {"resourceType": "Lambda", "lambdaDetails": details}, function


def _container(dice: Dice, estate: Estate, name: str) -> dict:
    registry = f"{estate.account}.dkr.ecr.{estate.region}.amazonaws.com"
    return {
        "containerRuntime": "containerd",
        "id": dice.hex(64),
        "name": name,
        "image": f"{registry}/{dice.choice(estate.images).name}:1.{dice.randint(0, 30)}",
        "imagePrefix": registry,
        "volumeMounts": [{"name": "host", "mountPath": "/host"}],
        "securityContext": {"privileged": dice.random() < 0.3, "allowPrivilegeEscalation": True},
    }


def _key_id(user: Named) -> str:
    return f"AKIA{user.id.upper()}"


def _tags(tags: dict[str, str]) -> list[dict]:
    return [{"key": key, "value": value} for key, value in tags.items()]


RESOURCES: dict[str, Callable[[Dice, Estate], Part]] = {
    "instance": _instance,
    "key": _key,
    "root": _root,
    "bucket": _bucket,
    "cluster": _cluster,
    "service": _service,
    "database": _database,
    "function": _function,
}
