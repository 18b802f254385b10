package control

import data.muster

caller_keys := {
	"aws:principalaccount", "aws:principalarn", "aws:principalorgid", "aws:principalorgpaths", "aws:userid",
	"aws:sourceaccount", "aws:sourcearn", "aws:sourceip", "aws:sourceorgid", "aws:sourcevpc", "aws:sourcevpce", "kms:calleraccount",
}

verdict := "SKIPPED" if {
	input.resource.state.KeyMetadata.KeyManager == "AWS"
} else := "FAILED" if {
	some statement in muster.statements(input.resource.state.Policy)
	statement.Effect == "Allow"
	open(statement)
	not narrowed(statement)
} else := "PASSED"

open(statement) if muster.everyone(statement.Principal)

open(statement) if statement.NotPrincipal

# Whether a condition of fixed values ties a statement to known callers.
narrowed(statement) if {
	some operator, conditions in statement.Condition
	trim_prefix(lower(operator), "foranyvalue:") in {"stringequals", "stringequalsignorecase", "stringlike", "arnequals", "arnlike", "ipaddress"}
	some key, values in conditions
	lower(key) in caller_keys
	every value in muster.list(values) { fixed(value) }
}

fixed(value) if {
	not endswith(value, "/0")
	every sign in ["*", "?", "${"] { not contains(value, sign) }
}
