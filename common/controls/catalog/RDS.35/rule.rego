package control

cluster := input.resource.state.DBCluster

verdict := "SKIPPED" if {
	not cluster.Engine in {"mysql", "postgres"}
} else := "PASSED" if {
	cluster.AutoMinorVersionUpgrade
} else := "FAILED"
