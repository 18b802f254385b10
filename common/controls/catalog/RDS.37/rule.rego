package control

cluster := input.resource.state.DBCluster

verdict := "SKIPPED" if {
	cluster.Engine != "aurora-postgresql"
} else := "PASSED" if {
	"postgresql" in cluster.EnabledCloudwatchLogsExports
} else := "FAILED"
