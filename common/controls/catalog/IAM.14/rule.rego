package control

verdict := "PASSED" if {
	input.resource.state.PasswordPolicy.RequireNumbers
} else := "FAILED"
