package control

verdict := "PASSED" if {
	input.resource.state.SecurityContact != null
} else := "FAILED"
