package control

import data.muster

sensitive := ["s3:deletebucketpolicy", "s3:putbucketacl", "s3:putbucketpolicy", "s3:putencryptionconfiguration", "s3:putobjectacl"]

verdict := "FAILED" if {
	some statement in muster.statements(input.resource.state.Policy)
	statement.Effect == "Allow"
	for_others(statement)
	some action in sensitive
	takes_in(statement, "Action", action)
} else := "PASSED"

for_others(statement) if muster.everyone(statement.Principal)

for_others(statement) if statement.NotPrincipal

for_others(statement) if statement.Principal.CanonicalUser

for_others(statement) if {
	some principal in muster.list(statement.Principal.AWS)
	account := account_in(principal)
	count(account) == 12
	account != input.account.id
}

# The account of a principal, which is an ARN, a number, or something else if it was deleted.
account_in(principal) := muster.account_of(principal) if {
	startswith(principal, "arn:")
} else := principal

# Whether an element of a statement, or its Not, takes in a value.
takes_in(statement, element, value) if {
	some pattern in muster.values(statement, element)
	like(pattern, value)
}

takes_in(statement, element, value) if {
	not statement[element]
	every pattern in muster.values(statement, concat("", ["Not", element])) {
		not like(pattern, value)
	}
}

# Whether a value, in lower case, has the form of a pattern with wildcards.
like(pattern, value) if {
	parts := split(replace(lower(pattern), "?", "*"), "*")
	startswith(value, parts[0])
	endswith(value, parts[count(parts) - 1])
	every part in parts { contains(value, part) }
}
