package control

verdict := "PASSED" if {
	input.resource.state.BackupPolicy.Status in {"ENABLED", "ENABLING"}
} else := "FAILED"
