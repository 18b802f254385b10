package control

instance := input.resource.state.DBInstance

engines := {
	"mariadb", "mysql", "postgres",
	"custom-oracle-ee", "oracle-ee", "oracle-ee-cdb", "oracle-se", "oracle-se1", "oracle-se2", "oracle-se2-cdb",
	"sqlserver-ee", "sqlserver-ex", "sqlserver-se", "sqlserver-web",
}

verdict := "SKIPPED" if {
	not instance.Engine in engines
} else := "PASSED" if {
	instance.DeletionProtection
} else := "FAILED"
