package control

import data.muster

verdict := "PASSED" if {
	input.resource.state.AccountSummary.AccountMFAEnabled == 1
} else := "PASSED" if {
	not muster.root_has_credentials(input.resource.state.AccountSummary)
} else := "FAILED"
