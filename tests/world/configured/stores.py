"""RDS instances, clusters and snapshots; EFS file systems."""

from typing import NamedTuple

from .site import Site


ALL_LOGS = ("postgresql", "upgrade")


class Database(NamedTuple):
    """A DB instance. `logs` are those of its exports; PostgreSQL has `ALL_LOGS`."""

    name: str
    private: bool = True
    encrypted: bool = True
    zones: bool = True
    upgrades: bool = True
    monitored: bool = True
    logs: tuple[str, ...] = ALL_LOGS


NEGLECTED = Database("", False, False, False, False, False, ())
DATABASES = {
    "hardened": (Database("ledger-db"), Database("catalog-db")),
    "mixed": (Database("ledger-db"), Database("catalog-db", encrypted=False, zones=False, monitored=False, logs=("postgresql",))),
    "bad": (NEGLECTED._replace(name="ledger-db"), NEGLECTED._replace(name="catalog-db")),
}
FILE_SYSTEMS = {"hardened": {"home": True}, "mixed": {"home": True, "scratch": False}, "bad": {"home": False}}
KEPT_WELL = {
    "BackupRetentionPeriod": 14,
    "CopyTagsToSnapshot": True,
    "DeletionProtection": True,
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
        _share_snapshots(site, region)
        for name, encrypted in FILE_SYSTEMS[site.profile].items():
            _make_file_system(site, region, name, encrypted)


def _is_kept_well(site: Site) -> bool:
    """Backed up for two weeks, not deleted by mistake, entered through IAM."""
    return site.profile == "hardened"


def _monitoring(site: Site, on: bool) -> dict:
    """Enhanced Monitoring, by the role that sends its metrics."""
    return {"MonitoringInterval": 60, "MonitoringRoleArn": site.role("rds-monitoring")} if on else {}


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
        EnableCloudwatchLogsExports=list(database.logs),
        **_monitoring(site, database.monitored),
        **(KEPT_WELL if _is_kept_well(site) else {"BackupRetentionPeriod": 1}),
        **encryption,
        **LOGIN,
    )
    arn = f"arn:aws:rds:{region}:{site.account}:db:{database.name}"
    site.judge(database.private, "RDS.2", resource=arn, region=region)
    site.judge(database.encrypted, "RDS.3", resource=arn, region=region)
    site.judge(database.zones, "RDS.5", resource=arn, region=region)
    site.judge(database.upgrades, "RDS.13", resource=arn, region=region)
    site.judge(database.monitored, "RDS.6", resource=arn, region=region)
    site.judge(database.logs == ALL_LOGS, "RDS.9", resource=arn, region=region)
    site.judge(_is_kept_well(site), "RDS.8", "RDS.10", "RDS.11", "RDS.17", resource=arn, region=region)


def _make_cluster(site: Site, region: str) -> None:
    """A cluster with instances in two zones, or in one; the mixed account has the better one at home. Its instances are
    never Multi-AZ themselves, and RDS.5 does not judge Aurora; what logs they export is set on the cluster."""
    rds, aurora = site.client("rds", region), {"DBClusterIdentifier": "orders", "Engine": "aurora-postgresql"}
    spread = site.profile == "hardened" or (site.profile == "mixed" and region == site.home)
    kept = CLUSTER_KEPT_WELL if _is_kept_well(site) else {}
    encrypted = site.profile != "bad"
    encryption = {"StorageEncrypted": True, "KmsKeyId": site.keys[region]} if encrypted else {"StorageEncrypted": False}
    rds.create_db_cluster(**aurora, **encryption, **kept, **LOGIN)
    for zone in "ab" if spread else "a":
        name = f"orders-{zone}"
        placement = {"AvailabilityZone": f"{region}{zone}", "DBInstanceClass": "db.r6g.large", "PubliclyAccessible": False}
        backed_up = {"BackupRetentionPeriod": 14 if _is_kept_well(site) else 1, "CopyTagsToSnapshot": _is_kept_well(site)}
        rds.create_db_instance(
            DBInstanceIdentifier=name,
            StorageEncrypted=encrypted,
            AutoMinorVersionUpgrade=True,
            EnableIAMDatabaseAuthentication=_is_kept_well(site),
            **_monitoring(site, _is_kept_well(site)),
            **backed_up,
            **placement,
            **aurora,
        )
        arn = f"arn:aws:rds:{region}:{site.account}:db:{name}"
        site.judge(True, "RDS.2", "RDS.13", resource=arn, region=region)
        site.judge(encrypted, "RDS.3", resource=arn, region=region)
        site.judge(_is_kept_well(site), "RDS.6", "RDS.9", "RDS.10", "RDS.11", "RDS.17", resource=arn, region=region)
    cluster = f"arn:aws:rds:{region}:{site.account}:cluster:orders"
    site.judge(_is_kept_well(site), "RDS.7", "RDS.12", "RDS.16", "RDS.37", "RDS.50", resource=cluster, region=region)
    site.judge(spread, "RDS.15", resource=cluster, region=region)
    site.judge(encrypted, "RDS.27", resource=cluster, region=region)


def _share_snapshots(site: Site, region: str) -> None:
    """One of an instance and one of a cluster. In the bad account what they are taken from is not encrypted."""
    rds, public = site.client("rds", region), site.profile == "bad"
    rds.create_db_snapshot(DBSnapshotIdentifier="ledger-weekly", DBInstanceIdentifier="ledger-db")
    rds.create_db_cluster_snapshot(DBClusterSnapshotIdentifier="orders-weekly", DBClusterIdentifier="orders")
    if public:
        everybody = {"AttributeName": "restore", "ValuesToAdd": ["all"]}
        rds.modify_db_snapshot_attribute(DBSnapshotIdentifier="ledger-weekly", **everybody)
        rds.modify_db_cluster_snapshot_attribute(DBClusterSnapshotIdentifier="orders-weekly", **everybody)
    for snapshot in ("snapshot:ledger-weekly", "cluster-snapshot:orders-weekly"):
        arn = f"arn:aws:rds:{region}:{site.account}:{snapshot}"
        site.judge(not public, "RDS.1", "RDS.4", resource=arn, region=region)


def _make_file_system(site: Site, region: str, name: str, encrypted: bool) -> None:
    encryption = {"Encrypted": True, "KmsKeyId": site.keys[region]} if encrypted else {"Encrypted": False}
    made = site.client("efs", region).create_file_system(CreationToken=name, Backup=encrypted, **encryption)
    site.judge(encrypted, "EFS.1", "EFS.7", "EFS.8", resource=made["FileSystemArn"], region=region)
