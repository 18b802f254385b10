package control

verdict := "SKIPPED" if {
	input.resource.state.DBInstance.DBClusterIdentifier
} else := "PASSED" if {
	input.resource.state.DBInstance.MultiAZ
} else := "FAILED"
