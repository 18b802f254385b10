package control

verdict := "PASSED" if {
	input.resource.state.PasswordPolicy.RequireSymbols
} else := "FAILED"
