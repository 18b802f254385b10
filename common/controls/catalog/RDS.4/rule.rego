package control

verdict := "PASSED" if {
	input.resource.state.DBSnapshot.Encrypted
} else := "FAILED"
