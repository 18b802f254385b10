package control

verdict := "PASSED" if {
	count(input.resource.state.Encryption.Rules) > 0
} else := "FAILED"
