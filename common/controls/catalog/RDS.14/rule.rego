package control

cluster := input.resource.state.DBCluster

verdict := "SKIPPED" if {
	not cluster.Engine in {"aurora", "aurora-mysql"}
} else := "PASSED" if {
	cluster.BacktrackWindow > 0
} else := "FAILED"
