package control

instance := input.resource.state.DBInstance

verdict := "SKIPPED" if {
	instance.ReadReplicaSourceDBInstanceIdentifier
} else := "PASSED" if {
	instance.BackupRetentionPeriod >= input.parameters.days
} else := "FAILED"
