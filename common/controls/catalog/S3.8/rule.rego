package control

verdict := "PASSED" if {
	block := input.resource.state.PublicAccessBlock
	block.BlockPublicAcls
	block.IgnorePublicAcls
	block.BlockPublicPolicy
	block.RestrictPublicBuckets
} else := "FAILED"
