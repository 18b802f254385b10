package control

policy := input.resource.state.PasswordPolicy

verdict := "PASSED" if {
	policy.RequireUppercaseCharacters
	policy.RequireLowercaseCharacters
	policy.RequireSymbols
	policy.RequireNumbers
	policy.MinimumPasswordLength >= input.parameters.length
} else := "FAILED"
