package control

import data.muster

verdict := "SKIPPED" if {
	not muster.holds_trail(input.resource)
} else := muster.unknown(logging) if {
	muster.unavailable(logging)
} else := "PASSED" if {
	logging != null
} else := "FAILED"

logging := input.resource.state.Logging
