package control

subnet := input.resource.state.Subnet

gives_addresses if subnet.MapPublicIpOnLaunch

gives_addresses if subnet.AssignIpv6AddressOnCreation

verdict := "FAILED" if {
	gives_addresses
} else := "PASSED"
