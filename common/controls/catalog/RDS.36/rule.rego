package control

instance := input.resource.state.DBInstance

verdict := "SKIPPED" if {
	instance.Engine != "postgres"
} else := "PASSED" if {
	"postgresql" in instance.EnabledCloudwatchLogsExports
} else := "FAILED"
