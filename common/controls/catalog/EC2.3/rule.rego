package control

volume := input.resource.state.Volume

verdict := "SKIPPED" if {
	volume.State != "in-use"
} else := "PASSED" if {
	volume.Encrypted
} else := "FAILED"
