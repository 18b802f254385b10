package control

instance := input.resource.state.DBInstance

verdict := "SKIPPED" if {
	instance.Engine != "mariadb"
} else := "PASSED" if {
	every log in input.parameters.logs { log in instance.EnabledCloudwatchLogsExports }
} else := "FAILED"
