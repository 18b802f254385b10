package control

import data.muster

verdict := "SKIPPED" if {
	input.resource.state.Trail.IsOrganizationTrail
	muster.account_of(input.resource.id) != input.account.id
} else := "PASSED" if {
	input.resource.state.Trail.CloudWatchLogsLogGroupArn
} else := "FAILED"
