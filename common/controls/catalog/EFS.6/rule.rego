package control

import data.muster

subnets := [subnet_of(target) | some target in input.resource.state.MountTargets]

subnet_of(target) := subnet.state.Subnet if {
	some subnet in muster.others("AWS::EC2::Subnet")
	endswith(subnet.id, concat("", ["/", target.SubnetId]))
} else := {"Unavailable": {"Code": "NotFound", "Call": "ec2:DescribeSubnets"}}

chances := [muster.unread([subnet]) |
	some subnet in subnets
	not subnet.MapPublicIpOnLaunch == false
]

verdict := muster.settled(chances, "FAILED", "PASSED")
