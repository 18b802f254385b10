package control

verdict := "PASSED" if {
	input.resource.state.DBCluster.IAMDatabaseAuthenticationEnabled
} else := "FAILED"
