package control

verdict := "PASSED" if {
	input.resource.state.Trail.LogFileValidationEnabled
} else := "FAILED"
