package control

verdict := "PASSED" if {
	input.resource.state.EbsEncryptionByDefault
} else := "FAILED"
