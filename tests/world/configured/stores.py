"""RDS instances, clusters and snapshots; EFS file systems."""

from typing import NamedTuple

from .site import Site


class Database(NamedTuple):
    """A DB instance."""

    name: str
    private: bool = True
    encrypted: bool = True
    zones: bool = True
    upgrades: bool = True


NEGLECTED = Database("", False, False, False, False)
DATABASES = {
    "hardened": (Database("ledger-db"), Database("catalog-db")),
    "mixed": (Database("ledger-db"), Database("catalog-db", encrypted=False, zones=False)),
    "bad": (NEGLECTED._replace(name="ledger-db"), NEGLECTED._replace(name="catalog-db")),
}
FILE_SYSTEMS = {"hardened": {"home": True}, "mixed": {"home": True, "scratch": False}, "bad": {"home": False}}
KEPT_WELL = {
    "BackupRetentionPeriod": 14,
    "CopyTagsToSnapshot": True,
    "DeletionProtection": True,
    "EnableCloudwatchLogsExports": ["postgresql", "upgrade"],
    "EnableIAMDatabaseAuthentication": True,
    "Port": 5433,
}
CLUSTER_KEPT_WELL = KEPT_WELL | {"EnableCloudwatchLogsExports": ["postgresql"]}
LOGIN = {"MasterUsername": "keeper", "MasterUserPassword": "not-a-secret-1"}


def configure(site: Site) -> None:
    for region in site.regions:
        for database in DATABASES[site.profile]:
            _make_database(site, region, database)
        _make_cluster(site, region)
        _share_snapshot(site, region)
        for name, encrypted in FILE_SYSTEMS[site.profile].items():
            _make_file_system(site, region, name, encrypted)


def _is_kept_well(site: Site) -> bool:
    """Backed up for two weeks, not deleted by mistake, entered through IAM."""
    return site.profile == "hardened"


def _make_database(site: Site, region: str, database: Database) -> None:
    encryption = {"StorageEncrypted": True, "KmsKeyId": site.keys[region]} if database.encrypted else {"StorageEncrypted": False}
    site.client("rds", region).create_db_instance(
        DBInstanceIdentifier=database.name,
        Engine="postgres",
        DBInstanceClass="db.t3.medium",
        AllocatedStorage=20,
        PubliclyAccessible=not database.private,
        MultiAZ=database.zones,
        AutoMinorVersionUpgrade=database.upgrades,
        **(KEPT_WELL if _is_kept_well(site) else {"BackupRetentionPeriod": 1}),
        **encryption,
        **LOGIN,
    )
    arn = f"arn:aws:rds:{region}:{site.account}:db:{database.name}"
    site.judge(database.private, "RDS.2", resource=arn, region=region)
    site.judge(database.encrypted, "RDS.3", resource=arn, region=region)
    site.judge(database.zones, "RDS.5", resource=arn, region=region)
    site.judge(database.upgrades, "RDS.13", resource=arn, region=region)
    site.judge(_is_kept_well(site), "RDS.8", "RDS.10", "RDS.11", resource=arn, region=region)


def _make_cluster(site: Site, region: str) -> None:
    """A cluster with instances in two zones, or in one; the mixed account has the better one at home. Its instances are
    never Multi-AZ themselves, and RDS.5 does not judge Aurora."""
    rds, aurora = site.client("rds", region), {"DBClusterIdentifier": "orders", "Engine": "aurora-postgresql"}
    spread = site.profile == "hardened" or (site.profile == "mixed" and region == site.home)
    kept = CLUSTER_KEPT_WELL if _is_kept_well(site) else {}
    rds.create_db_cluster(**aurora, StorageEncrypted=True, KmsKeyId=site.keys[region], **kept, **LOGIN)
    for zone in "ab" if spread else "a":
        name = f"orders-{zone}"
        placement = {"AvailabilityZone": f"{region}{zone}", "DBInstanceClass": "db.r6g.large", "PubliclyAccessible": False}
        backed_up = {"BackupRetentionPeriod": 14 if _is_kept_well(site) else 1, "EnableIAMDatabaseAuthentication": _is_kept_well(site)}
        rds.create_db_instance(
            DBInstanceIdentifier=name, StorageEncrypted=True, AutoMinorVersionUpgrade=True, **backed_up, **placement, **aurora
        )
        arn = f"arn:aws:rds:{region}:{site.account}:db:{name}"
        for control in ("RDS.2", "RDS.3", "RDS.13"):
            site.judge(True, control, resource=arn, region=region)
        site.judge(_is_kept_well(site), "RDS.10", "RDS.11", resource=arn, region=region)
    cluster = f"arn:aws:rds:{region}:{site.account}:cluster:orders"
    site.judge(_is_kept_well(site), "RDS.7", "RDS.12", resource=cluster, region=region)
    site.judge(spread, "RDS.15", resource=cluster, region=region)


def _share_snapshot(site: Site, region: str) -> None:
    rds, public = site.client("rds", region), site.profile == "bad"
    rds.create_db_snapshot(DBSnapshotIdentifier="ledger-weekly", DBInstanceIdentifier="ledger-db")
    if public:
        rds.modify_db_snapshot_attribute(DBSnapshotIdentifier="ledger-weekly", AttributeName="restore", ValuesToAdd=["all"])
    arn = f"arn:aws:rds:{region}:{site.account}:snapshot:ledger-weekly"
    site.judge(not public, "RDS.1", resource=arn, region=region)
    site.judge(not public, "RDS.4", resource=arn, region=region)


def _make_file_system(site: Site, region: str, name: str, encrypted: bool) -> None:
    encryption = {"Encrypted": True, "KmsKeyId": site.keys[region]} if encrypted else {"Encrypted": False}
    made = site.client("efs", region).create_file_system(CreationToken=name, Backup=encrypted, **encryption)
    site.judge(encrypted, "EFS.1", "EFS.7", "EFS.8", resource=made["FileSystemArn"], region=region)
