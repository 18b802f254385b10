package control

import data.muster

verdict := muster.told([`{($.eventName=ConsoleLogin) && ($.errorMessage="Failed authentication")}`])
