package control

cluster := input.resource.state.DBCluster

verdict := "SKIPPED" if {
	not cluster.Engine == "mysql"
} else := "PASSED" if {
	cluster.CopyTagsToSnapshot
} else := "FAILED"
