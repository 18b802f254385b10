package control

cluster := input.resource.state.DBCluster

left_out if cluster.Engine in {"neptune", "docdb"}

verdict := "SKIPPED" if {
	left_out
} else := "FAILED" if {
	lower(cluster.MasterUsername) in {"admin", "postgres"}
} else := "PASSED"
