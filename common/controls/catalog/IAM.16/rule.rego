package control

verdict := "PASSED" if {
	input.resource.state.PasswordPolicy.PasswordReusePrevention >= 24
} else := "FAILED"
