package control

verdict := "PASSED" if {
	input.resource.state.DBInstance.PubliclyAccessible == false
} else := "FAILED"
