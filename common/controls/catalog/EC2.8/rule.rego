package control

verdict := "SKIPPED" if {
	input.resource.state.Instance.State.Name == "terminated"
} else := "PASSED" if {
	input.resource.state.Instance.MetadataOptions.HttpTokens == "required"
} else := "FAILED"
