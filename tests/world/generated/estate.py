"""What an account owns in a Region. Every source speaks of these things, so that findings meet at the same resources."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from .dice import Dice

SYSTEMS = ("billing", "checkout", "catalog", "ledger", "search", "mailer", "batch", "bastion")
PEOPLE = ("ada.quill", "ben.marsh", "cleo.tarn", "dev.orchard")
ROLES = ("deploy", "app-runtime", "data-export")


@dataclass(frozen=True)
class Instance:
    """An EC2 instance."""

    id: str
    arn: str
    name: str
    type: str
    image: str
    interface: str
    private_ip: str
    public_ip: str
    zone: str
    launched: datetime


@dataclass(frozen=True)
class Bucket:
    """An S3 bucket."""

    name: str
    arn: str
    owner: str
    created: datetime


@dataclass(frozen=True)
class Named:
    """Anything else with a name and an ARN. `id` is the digest, key or version that its kind has."""

    name: str
    arn: str
    id: str


@dataclass(frozen=True)
class Estate:
    """One account's belongings in one Region; users and roles are the same in each of its Regions."""

    account: str
    region: str
    vpc: str
    subnet: str
    security_group: str
    instances: list[Instance]
    buckets: list[Bucket]
    clusters: list[Named]
    services: list[Named]
    databases: list[Named]
    functions: list[Named]
    images: list[Named]
    users: list[Named]
    roles: list[Named]

    def tags(self, name: str) -> dict[str, str]:
        """The tags of a resource."""
        return {"Name": name, "Environment": "staging" if "mailer" in name else "production", "Team": name.split("-")[0]}


def estate(account: str, region: str, until: datetime) -> Estate:
    """The belongings, always the same for an account and a Region but for their dates, which count back from `until`."""
    dice, everywhere = Dice("estate", account, region), Dice("estate", account)
    arn = f"{region}:{account}"
    return Estate(
        account=account,
        region=region,
        vpc=f"vpc-0{dice.hex(16)}",
        subnet=f"subnet-0{dice.hex(16)}",
        security_group=f"sg-0{dice.hex(16)}",
        instances=[_instance(dice, arn, region, system, place, until) for place, system in enumerate(SYSTEMS)],
        buckets=[_bucket(dice, account, region, system, until) for system in ("billing", "exports", "logs", "assets", "backup")],
        clusters=[_named(dice, name, f"arn:aws:eks:{arn}:cluster/{name}") for name in ("orchard", "meadow")],
        services=[_named(dice, name, f"arn:aws:ecs:{arn}:cluster/{name}") for name in ("workers", "edge")],
        databases=[_named(dice, name, f"arn:aws:rds:{arn}:db:{name}") for name in ("ledger-db", "catalog-db")],
        functions=[
            _named(dice, f"{system}-handler", f"arn:aws:lambda:{arn}:function:{system}-handler")
            for system in ("billing", "mailer", "search", "batch")
        ],
        images=[
            _named(dice, f"{system}-api", f"arn:aws:ecr:{arn}:repository/{system}-api", 64) for system in ("checkout", "catalog", "search")
        ],
        users=[_named(everywhere, name, f"arn:aws:iam::{account}:user/{name}") for name in PEOPLE],
        roles=[_named(everywhere, name, f"arn:aws:iam::{account}:role/{name}") for name in ROLES],
    )


def _instance(dice: Dice, arn: str, region: str, system: str, place: int, until: datetime) -> Instance:
    instance = f"i-0{dice.hex(16)}"
    return Instance(
        id=instance,
        arn=f"arn:aws:ec2:{arn}:instance/{instance}",
        name=f"{system}-1",
        type=dice.choice(("t3.medium", "m6i.large", "c7g.xlarge")),
        image=f"ami-0{dice.hex(16)}",
        interface=f"eni-0{dice.hex(16)}",
        private_ip=f"10.20.{place}.{dice.randint(4, 250)}",
        public_ip=dice.address(),
        zone=f"{region}{dice.choice('abc')}",
        launched=until - timedelta(days=dice.randint(61, 400)),
    )


def _bucket(dice: Dice, account: str, region: str, system: str, until: datetime) -> Bucket:
    name = f"{system}-{region}-{account[-4:]}-{dice.hex(6)}"
    return Bucket(name, f"arn:aws:s3:::{name}", dice.hex(64), until - timedelta(days=dice.randint(61, 900)))


def _named(dice: Dice, name: str, arn: str, digest: int = 16) -> Named:
    return Named(name, arn, dice.hex(digest))
