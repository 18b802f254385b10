package control

verdict := "PASSED" if {
	input.resource.state.PasswordPolicy.ExpirePasswords
	input.resource.state.PasswordPolicy.MaxPasswordAge <= input.parameters.days
} else := "FAILED"
