package control

verdict := "PASSED" if {
	input.resource.state.Trail.KmsKeyId
} else := "FAILED"
