package control

verdict := "PASSED" if {
	input.resource.state.PasswordPolicy.RequireUppercaseCharacters
} else := "FAILED"
