package control

verdict := "PASSED" if {
	input.resource.state.DBSnapshot.Encrypted
} else := "PASSED" if {
	input.resource.state.DBClusterSnapshot.StorageEncrypted
} else := "FAILED"
