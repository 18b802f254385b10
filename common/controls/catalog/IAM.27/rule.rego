package control

import data.muster

verdict := muster.settled([holder.unread | some holder in holders], failed, "PASSED")

# Who may have it, each as what is not known.
holders := [{"id": holder.id, "unread": muster.unread([holder.state.AttachedPolicies])} |
	some type in ["AWS::IAM::User", "AWS::IAM::Group", "AWS::IAM::Role"]
	some holder in muster.others(type)
	has_full_access(holder.state.AttachedPolicies)
]

has_full_access(attached) if {
	some policy in attached
	endswith(policy.PolicyArn, ":iam::aws:policy/AWSCloudShellFullAccess")
}

has_full_access(attached) if muster.unavailable(attached)

failed := {"status": "FAILED", "detail": concat(", ", [holder.id | some holder in holders; holder.unread == []])}
