package control

verdict := "PASSED" if {
	input.resource.state.DBCluster.MultiAZ
} else := "FAILED"
