package control

verdict := "PASSED" if {
	input.resource.state.DBCluster.BackupRetentionPeriod >= input.parameters.days
} else := "FAILED"
