package control

verdict := "PASSED" if {
	input.resource.state.DBCluster.StorageEncrypted
} else := "FAILED"
