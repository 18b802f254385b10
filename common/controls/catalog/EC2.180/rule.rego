package control

interface := input.resource.state.NetworkInterface

verdict := "SKIPPED" if {
	not interface.InterfaceType in {"aws_codestar_connections_managed", "branch", "efa", "interface", "lambda", "quicksight"}
} else := "PASSED" if {
	interface.SourceDestCheck
} else := "FAILED"
