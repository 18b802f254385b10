package control

verdict := "PASSED" if {
	input.resource.state.Trail.CloudWatchLogsLogGroupArn
} else := "FAILED"
