package control

import data.muster

verdict := muster.settled(chances, "PASSED", "FAILED")

# The flow logs that may do, each as what is not known of it.
chances := [muster.unread([log.state.FlowLog]) |
	some log in muster.others("AWS::EC2::FlowLog")
	logs_rejects(log.state.FlowLog)
]

logs_rejects(log) if {
	log.ResourceId == input.resource.state.Vpc.VpcId
	log.FlowLogStatus == "ACTIVE"
	log.TrafficType in {"REJECT", "ALL"}
}

logs_rejects(log) if muster.unavailable(log)
