"""Amazon RDS: an instance of an Aurora cluster tells the log exports of its cluster, where alone they are set."""

from moto.rds.models import DBInstance


def mend() -> None:
    DBInstance.enabled_cloudwatch_logs_exports = property(_exports, _set_exports)


def _exports(instance: DBInstance) -> list[str]:
    cluster = instance.backend.clusters.get(instance.db_cluster_identifier) if instance.db_cluster_identifier else None
    return instance._own_exports if cluster is None else cluster.enabled_cloudwatch_logs_exports


def _set_exports(instance: DBInstance, exports: list[str]) -> None:
    instance._own_exports = exports
