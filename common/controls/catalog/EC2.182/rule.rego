package control

verdict := "PASSED" if {
	input.resource.state.SnapshotBlockPublicAccess.State == "block-all-sharing"
} else := "FAILED"
