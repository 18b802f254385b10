package control

import data.muster

verdict := "FAILED" if {
	decrypts(statements, some_key(input.resource.id))
} else := "PASSED"

statements := [statement |
	some policy in input.resource.state.InlineDocuments
	some statement in muster.statements(policy.PolicyDocument)
]

# Whether statements allow decryption with a key.
decrypts(statements, key) if {
	some statement in statements
	statement.Effect == "Allow"
	takes_in(statement, "Resource", key)
	some action in ["kms:decrypt", "kms:reencryptfrom"]
	takes_in(statement, "Action", action)
	not denied(statements, action, key)
}

denied(statements, action, key) if {
	some statement in statements
	statement.Effect == "Deny"
	not statement.Condition
	takes_in(statement, "Action", action)
	takes_in(statement, "Resource", key)
}

# A key that only a policy for all keys takes in, in the partition of an ARN.
some_key(arn) := sprintf("arn:%s:kms:region:account:key/id", [split(arn, ":")[1]])

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
