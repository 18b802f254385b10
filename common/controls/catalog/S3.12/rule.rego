package control

bucket := input.resource.state

verdict := "PASSED" if {
	some rule in bucket.OwnershipControls.Rules
	rule.ObjectOwnership == "BucketOwnerEnforced"
} else := "FAILED" if {
	some grant in bucket.Acl.Grants
	not grant.Grantee.ID == bucket.Acl.Owner.ID
} else := "PASSED"
