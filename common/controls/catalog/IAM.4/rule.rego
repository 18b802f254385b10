package control

verdict := "PASSED" if {
	input.resource.state.AccountSummary.AccountAccessKeysPresent == 0
} else := "FAILED"
