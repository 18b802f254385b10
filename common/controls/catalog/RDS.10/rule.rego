package control

instance := input.resource.state.DBInstance

judged if {
	instance.Engine in {"mysql", "postgres", "mariadb", "aurora", "aurora-mysql", "aurora-postgresql"}
	instance.DBInstanceStatus in {"available", "backing-up", "storage-optimization", "storage-full"}
}

verdict := "SKIPPED" if {
	not judged
} else := "PASSED" if {
	instance.IAMDatabaseAuthenticationEnabled
} else := "FAILED"
