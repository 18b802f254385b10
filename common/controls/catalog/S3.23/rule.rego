package control

import data.muster

verdict := muster.settled(chances, "PASSED", "FAILED")

# The trails that may do, each as what is not known of it.
chances := [muster.unread(muster.trail_parts(trail)) |
	some trail in muster.others("AWS::CloudTrail::Trail")
	muster.runs_everywhere(trail)
	muster.logs_objects(trail, "ReadOnly")
]
