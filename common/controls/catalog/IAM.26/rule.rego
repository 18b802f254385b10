package control

import data.muster

verdict := "PASSED" if {
	muster.age_days(input.resource.state.ServerCertificateMetadata.Expiration) < 0
} else := "FAILED"
