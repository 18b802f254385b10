package control

import data.muster

authorized_ports := {"tcp": input.parameters.tcp_ports, "udp": input.parameters.udp_ports}

# Whether every port of a rule is on the list.
authorized(rule) if {
	ports := {to_number(port) | some port in authorized_ports[rule.IpProtocol]}
	count([port | some port in ports; rule.FromPort <= port; port <= rule.ToPort]) == (rule.ToPort - rule.FromPort) + 1
}

# ICMP and the like have no ports.
authorized(rule) if not rule.IpProtocol in {"tcp", "udp", "-1"}

verdict := "FAILED" if {
	some rule in input.resource.state.SecurityGroup.IpPermissions
	some source in muster.sources(rule)
	muster.world(source)
	not authorized(rule)
} else := "PASSED"
