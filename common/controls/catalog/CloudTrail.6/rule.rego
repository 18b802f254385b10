package control

import data.muster

verdict := muster.settled(ways, "FAILED", "PASSED") if {
	muster.holds_trail(input.resource)
} else := "SKIPPED"

# The ways in that may be open, each as what is not known of it.
ways := [muster.unread(array.concat([way.by], blocks)) |
	some way in [
		{"by": input.resource.state.PolicyStatus, "shut": "RestrictPublicBuckets"},
		{"by": input.resource.state.Acl, "shut": "IgnorePublicAcls"},
	]
	open(way.by)
	not shut(way.shut)
]

open(policy_status) if policy_status.IsPublic

open(acl) if {
	some grant in acl.Grants
	grant.Grantee.URI in {
		"http://acs.amazonaws.com/groups/global/AllUsers",
		"http://acs.amazonaws.com/groups/global/AuthenticatedUsers",
	}
}

open(part) if muster.unavailable(part)

# The bucket's own block and the account's; either shuts.
blocks := array.concat(
	[input.resource.state.PublicAccessBlock],
	[account.state.PublicAccessBlock | some account in muster.others("AWS::::Account")],
)

shut(setting) if {
	some block in blocks
	block[setting]
}
