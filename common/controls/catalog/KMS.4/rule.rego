package control

import data.muster

verdict := "SKIPPED" if {
	not can_rotate(input.resource.state.KeyMetadata)
} else := muster.unknown(rotation) if {
	muster.unavailable(rotation)
} else := "PASSED" if {
	rotation.KeyRotationEnabled
} else := "FAILED"

rotation := input.resource.state.Rotation

can_rotate(key) if {
	key.KeyManager == "CUSTOMER"
	key.KeyState == "Enabled"
	key.KeySpec == "SYMMETRIC_DEFAULT"
	key.Origin == "AWS_KMS"
}
