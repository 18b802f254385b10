package control

import data.muster

verdict := "FAILED" if {
	some used in muster.last_uses(input.resource.state.Credentials)
	muster.age_days(used) >= input.parameters.days
} else := "PASSED"
