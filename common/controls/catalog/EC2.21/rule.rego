package control

import data.muster

# AWS judges each entry by itself: a denial with a lower number does not excuse the entry that allows.
verdict := "SKIPPED" if {
	input.resource.state.NetworkAcl.IsDefault
} else := "FAILED" if {
	some entry in input.resource.state.NetworkAcl.Entries
	not entry.Egress
	entry.RuleAction == "allow"
	some source in ["CidrBlock", "Ipv6CidrBlock"]
	muster.world(entry[source])
	some port in [22, 3389]
	opens(entry, port)
} else := "PASSED"

# Protocols are numbers here: -1 is all, 6 is TCP.
opens(entry, _) if entry.Protocol == "-1"

opens(entry, port) if {
	entry.Protocol == "6"
	entry.PortRange.From <= port
	port <= entry.PortRange.To
}
