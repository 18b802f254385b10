package control

import data.muster

verdict := "PASSED" if {
	not muster.root_has_credentials(input.resource.state.AccountSummary)
} else := "PASSED" if {
	input.resource.state.AccountSummary.AccountMFAEnabled == 1
	not virtual
} else := "FAILED"

virtual if {
	some device in input.resource.state.VirtualMfaDevices
	endswith(device.User.Arn, ":root")
}
