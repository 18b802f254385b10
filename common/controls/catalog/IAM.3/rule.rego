package control

import data.muster

verdict := "FAILED" if {
	credentials := input.resource.state.Credentials
	some key in muster.access_keys
	credentials[key.active]
	muster.age_days(credentials[key.made]) > input.parameters.days
} else := "PASSED"
