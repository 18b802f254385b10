package control

acl := input.resource.state.NetworkAcl

verdict := "PASSED" if {
	count(acl.Associations) > 0
} else := "SKIPPED" if {
	acl.IsDefault
} else := "FAILED"
