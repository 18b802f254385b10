package control

verdict := "SKIPPED" if {
	made_by_ses
} else := "PASSED" if {
	input.resource.state.InlinePolicies == []
	input.resource.state.AttachedPolicies == []
} else := "FAILED"

# SES gives its SMTP users an inline policy, and nothing more.
made_by_ses if {
	startswith(input.resource.state.User.UserName, "ses-smtp-user.")
	input.resource.state.InlinePolicies == ["AmazonSesSendingAccess"]
	input.resource.state.AttachedPolicies == []
}
