package control

import data.muster

verdict := muster.told([
	`{ ($.eventName = "ConsoleLogin") && ($.additionalEventData.MFAUsed != "Yes") && ($.userIdentity.type = "IAMUser") && ($.responseElements.ConsoleLogin = "Success") }`,
	`{($.eventName="ConsoleLogin") && ($.additionalEventData.MFAUsed !="Yes")}`,
])
