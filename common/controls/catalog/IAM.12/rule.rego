package control

verdict := "PASSED" if {
	input.resource.state.PasswordPolicy.RequireLowercaseCharacters
} else := "FAILED"
