package control

verdict := "PASSED" if {
	input.resource.state.DBInstance.MonitoringInterval > 0
} else := "FAILED"
