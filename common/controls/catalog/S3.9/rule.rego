package control

verdict := "PASSED" if {
	input.resource.state.Logging.TargetBucket
} else := "FAILED"
