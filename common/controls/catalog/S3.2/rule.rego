package control

import data.muster

bucket := input.resource.state

# The ways in for the public, by the setting that shuts them.
open contains "RestrictPublicBuckets" if {
	bucket.PolicyStatus.IsPublic
	some statement in muster.statements(bucket.Policy)
	statement.Effect == "Allow"
	for_all(statement)
	reads(statement)
}

open contains "IgnorePublicAcls" if {
	some grant in bucket.Acl.Grants
	grant.Permission in {"READ", "FULL_CONTROL"}
	grant.Grantee.URI in {
		"http://acs.amazonaws.com/groups/global/AllUsers",
		"http://acs.amazonaws.com/groups/global/AuthenticatedUsers",
	}
}

for_all(statement) if muster.everyone(statement.Principal)

for_all(statement) if statement.NotPrincipal

reads(statement) if statement.NotAction

reads(statement) if {
	some action in muster.values(statement, "Action")
	strings.any_prefix_match(lower(action), ["*", "s3:*", "s3:g", "s3:l"])
}

# The bucket's own block and the account's; either shuts.
blocks := array.concat(
	[bucket.PublicAccessBlock],
	[account.state.PublicAccessBlock | some account in muster.others("AWS::::Account")],
)

shut(setting) if {
	some block in blocks
	block[setting]
}

# The ways in that may be open, each as what is not known of it.
ways := [muster.unread(blocks) | some setting in open; not shut(setting)]

verdict := muster.settled(ways, "FAILED", "PASSED")
