package control

import data.muster

verdict := "SKIPPED" if {
	boundary_only
} else := "FAILED" if {
	some statement in muster.statements(input.resource.state.Document)
	statement.Effect == "Allow"
	some action in muster.values(statement, "Action")
	muster.every_action(action)
	"*" in muster.values(statement, "Resource")
} else := "PASSED"

boundary_only if {
	policy := input.resource.state.Policy
	policy.PermissionsBoundaryUsageCount > 0
	policy.AttachmentCount == 0
}
