package control

instance := input.resource.state.DBInstance

wanted := {"audit", "error", "general", "slowquery"} if {
	instance.Engine in {"mysql", "mariadb", "aurora", "aurora-mysql"}
} else := {"postgresql", "upgrade"} if {
	instance.Engine == "postgres"
} else := {"postgresql"} if {
	instance.Engine == "aurora-postgresql"
} else := {"alert", "audit", "listener", "trace"} if {
	startswith(instance.Engine, "oracle-")
} else := {"agent", "error"} if {
	startswith(instance.Engine, "sqlserver-")
}

verdict := "SKIPPED" if {
	not wanted
} else := "PASSED" if {
	every log in wanted { log in instance.EnabledCloudwatchLogsExports }
} else := "FAILED"
