package control

instance := input.resource.state.DBInstance

left_out if instance.Engine in {"neptune", "docdb"}

left_out if instance.DBClusterIdentifier

verdict := "SKIPPED" if {
	left_out
} else := "FAILED" if {
	lower(instance.MasterUsername) in {"admin", "postgres"}
} else := "PASSED"
