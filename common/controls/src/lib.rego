# Words that the rules share. A part is what one call said of a resource; one that could not be read is
# {"Unavailable": {"Code": .., "Call": ..}}. A chance is one way to an answer, written as the list of the unread
# parts that it hangs on: [] is certain. Words that say "may" take an unread part for good.
package muster

# --- What is not known ---

# Whether a part could not be read.
unavailable(part) if part.Unavailable.Code

# The answer when an unread part would decide.
unknown(part) := {"status": "NOT_AVAILABLE", "reason": part.Unavailable.Code, "detail": part.Unavailable.Call}

# The parts among these that could not be read.
unread(parts) := [part | some part in parts; unavailable(part)]

# The answer `yes` if a chance is certain, NOT_AVAILABLE if there are only uncertain ones, `no` if there are none.
settled(chances, yes, no) := yes if {
	[] in chances
} else := unknown(chances[0][0]) if {
	count(chances) > 0
} else := no

# --- Resources and names ---

# The resources of a type that the control reads.
others(type) := input.account.resources[type]

# The account in an ARN.
account_of(arn) := split(arn, ":")[4]

# --- Time ---

# Days from a time to the evaluation, with fraction.
age_days(then) := (time.parse_rfc3339_ns(input.now) - time.parse_rfc3339_ns(then)) / 86400000000000

# --- Policies ---

# A value as a list: policies may leave the brackets out.
list(value) := value if {
	is_array(value)
} else := [value]

# The values of a field, as a list; none if it is absent.
values(holder, field) := list(holder[field]) if {
	holder[field]
} else := []

# The statements of a policy document; none if there is no document.
statements(policy) := values(policy, "Statement")

# Whether an action means every action there is.
every_action(action) if action in {"*", "*:*"}

# Whether a principal means everyone.
everyone(principal) if principal == "*"

everyone(principal) if "*" in list(principal.AWS)

# --- Networks ---

# Whether a CIDR is the world.
world(cidr) if cidr in {"0.0.0.0/0", "::/0"}

# The CIDRs that a security group's rule lets in.
sources(rule) := {source.CidrIp | some source in rule.IpRanges} | {source.CidrIpv6 | some source in rule.Ipv6Ranges}

# Whether a security group's rule covers a port of one of these protocols ("tcp", "udp"); -1 is every protocol.
covers(rule, _, _) if rule.IpProtocol == "-1"

covers(rule, protocols, port) if {
	rule.IpProtocol in protocols
	rule.FromPort <= port
	port <= rule.ToPort
}

# --- Credentials ---

# The times of last use of a user's live credentials (the password and the active keys, by the row of the credential
# report); of one that was never used, when it was made.
last_uses(row) := array.concat(password, keys) if {
	password := [last_time([row.password_last_used, row.password_last_changed, row.user_creation_time]) | row.password_enabled]
	keys := [last_time([row[key.used], row[key.made], row.user_creation_time]) | some key in access_keys; row[key.active]]
}

# The columns of the credential report for each of the two access keys.
access_keys := [
	{"active": "access_key_1_active", "used": "access_key_1_last_used_date", "made": "access_key_1_last_rotated"},
	{"active": "access_key_2_active", "used": "access_key_2_last_used_date", "made": "access_key_2_last_rotated"},
]

# The first of these times that is known.
last_time(times) := known[0] if known := [then | some then in times; then != null]

# Whether root has anything to sign in or call with; accounts of before the field count as having a password.
root_has_credentials(summary) if object.get(summary, "AccountPasswordPresent", 1) > 0

root_has_credentials(summary) if summary.AccountAccessKeysPresent > 0

root_has_credentials(summary) if summary.AccountSigningCertificatesPresent > 0

# --- Trails ---

# The parts of a trail that say whether it records.
trail_parts(trail) := [trail.state.Status, trail.state.EventSelectors]

# Whether a trail may be running, for all Regions.
runs_everywhere(trail) if {
	trail.state.Trail.IsMultiRegionTrail
	running(trail.state.Status)
}

# Whether a trail may be running, by its status.
running(status) if status.IsLogging

running(status) if unavailable(status)

# Whether a trail may record all management events, reads and writes.
logs_management(trail) if {
	every kind in ["ReadOnly", "WriteOnly"] {
		selects_management(trail.state.EventSelectors, kind)
	}
}

# Whether event selectors may take all management events of a kind.
selects_management(selectors, kind) if {
	some selector in values(selectors, "EventSelectors")
	selector.IncludeManagementEvents
	selector.ReadWriteType in {"All", kind}
	values(selector, "ExcludeManagementEventSources") == []
}

selects_management(selectors, kind) if {
	some selector in values(selectors, "AdvancedEventSelectors")
	conditions(selector, kind) == {["eventCategory", "Equals", ["Management"]]}
}

selects_management(selectors, _) if unavailable(selectors)

# Whether a trail may record this kind of data event ("ReadOnly", "WriteOnly") for all objects of all buckets.
logs_objects(trail, kind) if {
	some selector in values(trail.state.EventSelectors, "EventSelectors")
	selector.ReadWriteType in {"All", kind}
	some resources in selector.DataResources
	resources.Type == "AWS::S3::Object"
	some arn in resources.Values
	split(trim_suffix(arn, ":::"), ":") == ["arn", split(trail.id, ":")[1], "s3"]
}

logs_objects(trail, kind) if {
	some selector in values(trail.state.EventSelectors, "AdvancedEventSelectors")
	conditions(selector, kind) == {["eventCategory", "Equals", ["Data"]], ["resources.type", "Equals", ["AWS::S3::Object"]]}
}

logs_objects(trail, _) if unavailable(trail.state.EventSelectors)

# What an advanced selector asks for, apart from being of this kind.
conditions(selector, kind) := asked - {["readOnly", "Equals", [read_only[kind]]]} if {
	asked := {[field.Field, operator, wanted] |
		some field in selector.FieldSelectors
		some operator, wanted in object.remove(field, ["Field"])
		count(wanted) > 0
	}
}

# What the field readOnly says for each kind.
read_only := {"ReadOnly": "true", "WriteOnly": "false"}

# Whether a bucket holds the logs of a trail.
holds_trail(bucket) if {
	some trail in others("AWS::CloudTrail::Trail")
	trail.state.Trail.S3BucketName == bucket.state.Name
}

# --- The metric-filter recipe (CloudWatch.1-14, IAM.20) ---

# Whether somebody is told of the events that a pattern finds: a trail of this account that logs everything to a log
# group, a metric filter there with exactly one of these texts, an alarm on its metric, a topic, a confirmed subscriber.
# No finding for an account that has only trails of another account: those are judged there.
told(patterns) := "SKIPPED" if {
	foreign_trails_only
} else := settled(chances, "PASSED", shortfall) if {
	trails := watched_trails
	filters := [filter | some trail in trails; some filter in filters_of(trail)]
	exact := [filter | some filter in filters; finds(filter, patterns)]
	alarms := [alarm | some filter in exact; some alarm in alarms_of(filter)]
	topics := [topic | some alarm in alarms; some topic in topics_of(alarm)]
	shortfall := told_shortfall(trails, filters, exact, alarms, topics)
	chances := [array.concat(unread(trail_parts(trail)), unread([topic.state.Subscriptions])) |
		some trail in trails
		some filter in filters_of(trail)
		finds(filter, patterns)
		some alarm in alarms_of(filter)
		some arn in topics_of(alarm)
		some topic in others("AWS::SNS::Topic")
		topic.id == arn
		subscribed(topic)
	]
}

# The answer when nobody is told: how far the chain got.
told_shortfall(trails, filters, exact, alarms, topics) := failed("CLOUDTRAIL_MULTI_REGION_NOT_PRESENT") if {
	trails == []
} else := failed("CLOUDTRAIL_METRIC_FILTERS_NOT_PRESENT") if {
	filters == []
} else := failed("CLOUDTRAIL_METRIC_FILTER_NOT_VALID") if {
	exact == []
} else := failed("CLOUDWATCH_ALARMS_NOT_PRESENT") if {
	alarms == []
} else := failed("CLOUDWATCH_ALARM_ACTIONS_NOT_VALID") if {
	topics == []
} else := {"status": "WARNING", "reason": "SNS_TOPIC_CROSS_ACCOUNT"} if {
	some topic in topics
	account_of(topic) != input.account.id
} else := failed("SNS_SUBSCRIPTION_NOT_PRESENT")

# The answer FAILED with a reason.
failed(reason) := {"status": "FAILED", "reason": reason}

# The trails of this account that may log everything and send it to a log group.
watched_trails := [trail |
	some trail in others("AWS::CloudTrail::Trail")
	account_of(trail.id) == input.account.id
	runs_everywhere(trail)
	logs_management(trail)
	trail.state.Trail.CloudWatchLogsLogGroupArn
]

# Whether every trail here belongs to another account, and one of them is for all Regions.
foreign_trails_only if {
	trails := others("AWS::CloudTrail::Trail")
	every trail in trails {
		account_of(trail.id) != input.account.id
	}
	some trail in trails
	trail.state.Trail.IsMultiRegionTrail
}

# The metric filters on a trail's log group.
filters_of(trail) := [filter |
	["arn", _, "logs", region, _, "log-group", name, _] = split(trail.state.Trail.CloudWatchLogsLogGroupArn, ":")
	some filter in others("AWS::Logs::MetricFilter")
	filter.region == region
	filter.state.MetricFilter.logGroupName == name
]

# Whether a metric filter has exactly one of these patterns, white space aside.
finds(filter, patterns) if {
	some pattern in patterns
	squeezed(filter.state.MetricFilter.filterPattern) == squeezed(pattern)
}

# A text without its white space.
squeezed(text) := strings.replace_n({" ": "", "\t": "", "\n": "", "\r": ""}, text)

# The alarms on a metric filter's metrics.
alarms_of(filter) := [alarm |
	some metric in filter.state.MetricFilter.metricTransformations
	some alarm in others("AWS::CloudWatch::Alarm")
	alarm.region == filter.region
	alarm.state.Alarm.Namespace == metric.metricNamespace
	alarm.state.Alarm.MetricName == metric.metricName
]

# The topics that an alarm tells; none while its actions are off.
topics_of(alarm) := [action |
	alarm.state.Alarm.ActionsEnabled
	some action in alarm.state.Alarm.AlarmActions
	split(action, ":")[2] == "sns"
]

# Whether a topic may have a subscriber who has confirmed.
subscribed(topic) if {
	some subscription in topic.state.Subscriptions
	startswith(subscription.SubscriptionArn, "arn:")
}

subscribed(topic) if unavailable(topic.state.Subscriptions)
