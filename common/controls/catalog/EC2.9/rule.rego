package control

instance := input.resource.state.Instance

public if instance.PublicIpAddress

public if {
	some interface in instance.NetworkInterfaces
	some address in interface.PrivateIpAddresses
	address.Association.PublicIp
}

verdict := "FAILED" if {
	public
} else := "PASSED"
