package control

import data.muster

instance := input.resource.state.Instance

# An instance that failed by itself has no time in its reason.
since := sprintf("%sT%sZ", [day, hour]) if {
	[_, stated] := split(trim_suffix(instance.StateTransitionReason, " GMT)"), " (")
	[day, hour] := split(stated, " ")
} else := instance.LaunchTime

verdict := "FAILED" if {
	instance.State.Name == "stopped"
	muster.age_days(since) > input.parameters.days
} else := "PASSED"
