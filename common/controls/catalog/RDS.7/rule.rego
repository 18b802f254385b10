package control

verdict := "PASSED" if {
	input.resource.state.DBCluster.DeletionProtection
} else := "FAILED"
