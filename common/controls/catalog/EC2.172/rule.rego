package control

verdict := "PASSED" if {
	input.resource.state.VpcBlockPublicAccessOptions.InternetGatewayBlockMode in {"block-bidirectional", "block-ingress"}
} else := "FAILED"
