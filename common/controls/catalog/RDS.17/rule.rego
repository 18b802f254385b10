package control

verdict := "PASSED" if {
	input.resource.state.DBInstance.CopyTagsToSnapshot
} else := "FAILED"
