package control

cluster := input.resource.state.DBCluster

verdict := "SKIPPED" if {
	not startswith(cluster.Engine, "aurora")
} else := "PASSED" if {
	cluster.CopyTagsToSnapshot
} else := "FAILED"
