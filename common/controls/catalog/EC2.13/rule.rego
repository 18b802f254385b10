package control

import data.muster

verdict := "FAILED" if {
	some rule in input.resource.state.SecurityGroup.IpPermissions
	muster.covers(rule, {"tcp"}, 22)
	some source in muster.sources(rule)
	muster.world(source)
} else := "PASSED"
