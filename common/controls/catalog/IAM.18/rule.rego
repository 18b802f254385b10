package control

verdict := "PASSED" if {
	count(input.resource.state.SupportAccess.PolicyRoles) > 0
} else := "FAILED"
