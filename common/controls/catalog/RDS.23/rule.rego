package control

instance := input.resource.state.DBInstance

usual := 3306 if {
	instance.Engine in {"mysql", "mariadb"}
} else := 5432 if {
	instance.Engine == "postgres"
} else := 1521 if {
	contains(instance.Engine, "oracle")
} else := 1433 if {
	contains(instance.Engine, "sqlserver")
} else := 50000 if {
	startswith(instance.Engine, "db2-")
}

verdict := "SKIPPED" if {
	instance.DBClusterIdentifier
} else := {"status": "NOT_AVAILABLE", "reason": "NO_ENDPOINT", "detail": "the instance has no endpoint yet"} if {
	not instance.Endpoint.Port
} else := "FAILED" if {
	instance.Endpoint.Port == usual
} else := "PASSED"
