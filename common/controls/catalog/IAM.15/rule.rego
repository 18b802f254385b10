package control

verdict := "PASSED" if {
	input.resource.state.PasswordPolicy.MinimumPasswordLength >= input.parameters.length
} else := "FAILED"
