package control

verdict := "SKIPPED" if {
	input.resource.state.Lifecycle != null
} else := "PASSED" if {
	input.resource.state.Versioning.MFADelete == "Enabled"
} else := "FAILED"
