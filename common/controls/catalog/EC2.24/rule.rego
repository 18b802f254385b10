package control

verdict := "FAILED" if {
	input.resource.state.Instance.VirtualizationType == "paravirtual"
} else := "PASSED"
