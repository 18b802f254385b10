package control

import data.muster

verdict := muster.failed("CONFIG_RECORDER_DISABLED") if {
	running == []
} else := muster.failed("CONFIG_RECORDER_MISSING_REQUIRED_RESOURCE_TYPES") if {
	complete == []
} else := "PASSED" if {
	some recorder in complete
	endswith(recorder.roleARN, ":role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig")
} else := muster.failed("CONFIG_RECORDER_CUSTOM_ROLE")

# AWS asks only for the types that the enabled controls need; this asks for all, as the benchmark does.
running := [recorder |
	some recorder in input.resource.state.ConfigurationRecorders
	some status in input.resource.state.ConfigurationRecordersStatus
	status.name == recorder.name
	status.recording
]

complete := [recorder | some recorder in running; recorder.recordingGroup.allSupported]
