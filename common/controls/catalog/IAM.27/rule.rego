package control

verdict := "FAILED" if {
	some policy in input.resource.state.AttachedPolicies
	endswith(policy.PolicyArn, ":iam::aws:policy/AWSCloudShellFullAccess")
} else := "PASSED"
