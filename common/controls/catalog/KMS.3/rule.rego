package control

key := input.resource.state.KeyMetadata

verdict := "SKIPPED" if {
	key.KeyManager == "AWS"
} else := "FAILED" if {
	key.KeyState in {"PendingDeletion", "PendingReplicaDeletion"}
} else := "PASSED"
