package control

import data.muster

verdict := muster.settled(chances, "PASSED", "FAILED")

# The analyzers that may do, each as what is not known of it.
chances := [muster.unread([analyzer.state.Analyzer]) |
	some analyzer in muster.others("AWS::AccessAnalyzer::Analyzer")
	watches(analyzer.state.Analyzer)
]

watches(analyzer) if {
	analyzer.status == "ACTIVE"
	analyzer.type in {"ACCOUNT", "ORGANIZATION"}
}

watches(analyzer) if muster.unavailable(analyzer)
