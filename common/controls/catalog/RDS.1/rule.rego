package control

verdict := "FAILED" if {
	some attribute in input.resource.state.Attributes
	attribute.AttributeName == "restore"
	"all" in attribute.AttributeValues
} else := "PASSED"
