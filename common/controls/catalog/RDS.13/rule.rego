package control

verdict := "PASSED" if {
	input.resource.state.DBInstance.AutoMinorVersionUpgrade
} else := "FAILED"
