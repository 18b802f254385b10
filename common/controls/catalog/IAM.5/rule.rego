package control

verdict := "FAILED" if {
	input.resource.state.Credentials.password_enabled
	not input.resource.state.Credentials.mfa_active
} else := "PASSED"
