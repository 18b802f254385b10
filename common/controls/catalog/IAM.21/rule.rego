package control

import data.muster

verdict := "SKIPPED" if {
	boundary_only
} else := "FAILED" if {
	some statement in muster.statements(input.resource.state.Document)
	statement.Effect == "Allow"
	some element in ["Action", "NotAction"]
	some action in muster.values(statement, element)
	whole_service(action)
} else := "PASSED"

whole_service(action) if action == "*"

whole_service(action) if endswith(action, ":*")

boundary_only if {
	policy := input.resource.state.Policy
	policy.PermissionsBoundaryUsageCount > 0
	policy.AttachmentCount == 0
}
