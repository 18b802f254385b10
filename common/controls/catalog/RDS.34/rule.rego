package control

cluster := input.resource.state.DBCluster

judged if {
	cluster.Engine in {"aurora", "aurora-mysql"}
	not cluster.EngineMode == "serverless"
}

verdict := "SKIPPED" if {
	not judged
} else := "PASSED" if {
	"audit" in cluster.EnabledCloudwatchLogsExports
} else := "FAILED"
