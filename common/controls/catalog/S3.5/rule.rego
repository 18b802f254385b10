package control

import data.muster

verdict := "PASSED" if {
	every covering in [on_bucket, on_objects] {
		covering & denied != set()
	}
} else := "FAILED"

on_bucket := {"*", "arn:aws:s3:::*", concat("", [input.resource.id, "*"]), input.resource.id}

on_objects := {"*", "arn:aws:s3:::*", concat("", [input.resource.id, "*"]), concat("", [input.resource.id, "/*"])}

# The resources on which everything is denied to everyone over plain HTTP.
denied contains resource if {
	some statement in muster.statements(input.resource.state.Policy)
	statement.Effect == "Deny"
	muster.everyone(statement.Principal)
	some action in muster.values(statement, "Action")
	lower(action) in {"*", "s3:*"}
	plain_http(statement.Condition)
	some resource in muster.values(statement, "Resource")
}

# Whether this is the only condition: a second one would leave requests out.
plain_http(condition) if {
	some operator in {"Bool", "BoolIfExists"}
	object.keys(condition) == {operator}
	count(condition[operator]) == 1
	some key, value in condition[operator]
	lower(key) == "aws:securetransport"
	muster.list(value) in [["false"], [false]]
}
