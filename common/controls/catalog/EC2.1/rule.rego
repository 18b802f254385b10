package control

import data.muster

# The snapshots that may be public, each as what is not known.
exposed := [{"id": snapshot.id, "unread": muster.unread([permissions])} |
	some snapshot in muster.others("AWS::EC2::Snapshot")
	permissions := snapshot.state.CreateVolumePermission
	may_be_public(permissions)
]

may_be_public(permissions) if {
	some permission in permissions
	permission.Group == "all"
}

may_be_public(permissions) if muster.unavailable(permissions)

failed := {"status": "FAILED", "detail": concat(", ", [snapshot.id | some snapshot in exposed; snapshot.unread == []])}

verdict := muster.settled([snapshot.unread | some snapshot in exposed], failed, "PASSED")
