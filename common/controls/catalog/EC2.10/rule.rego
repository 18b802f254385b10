package control

verdict := "PASSED" if {
	some endpoint in input.resource.state.VpcEndpoints
	endpoint.VpcEndpointType == "Interface"
	lower(endpoint.State) == "available"
	endswith(endpoint.ServiceName, ".ec2")
} else := "FAILED"
