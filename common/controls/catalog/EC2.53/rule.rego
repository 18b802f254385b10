package control

import data.muster

verdict := "FAILED" if {
	some rule in input.resource.state.SecurityGroup.IpPermissions
	"0.0.0.0/0" in muster.sources(rule)
	some port in [22, 3389]
	muster.covers(rule, {"tcp", "udp"}, port)
} else := "PASSED"
