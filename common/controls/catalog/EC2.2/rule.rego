package control

verdict := "SKIPPED" if {
	input.resource.state.SecurityGroup.GroupName != "default"
} else := "PASSED" if {
	input.resource.state.SecurityGroup.IpPermissions == []
	input.resource.state.SecurityGroup.IpPermissionsEgress == []
} else := "FAILED"
