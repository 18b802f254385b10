package control

import data.muster

high_risk := [
	20, 21, 22, 23, 25, 110, 135, 143, 445, 1433, 1434, 3000, 3306, 3389,
	4333, 5000, 5432, 5500, 5601, 8080, 8088, 8888, 9200, 9300,
]

verdict := "FAILED" if {
	some rule in input.resource.state.SecurityGroup.IpPermissions
	some source in muster.sources(rule)
	muster.world(source)
	opens(rule)
} else := "PASSED"

opens(rule) if rule.IpProtocol == "-1"

opens(rule) if {
	rule.IpProtocol == "tcp"
	some port in high_risk
	rule.FromPort <= port
	port <= rule.ToPort
}
