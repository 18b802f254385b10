package control

verdict := "FAILED" if {
	count(input.resource.state.Instance.NetworkInterfaces) > 1
} else := "PASSED"
