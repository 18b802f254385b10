package control

verdict := "PASSED" if {
	input.resource.state.DBInstance.StorageEncrypted
} else := "FAILED"
