package control

verdict := "PASSED" if {
	input.resource.state.FileSystem.Encrypted
} else := "FAILED"
