package control

verdict := "PASSED" if {
	some rule in input.resource.state.Lifecycle.Rules
	rule.Status == "Enabled"
} else := "FAILED"
