package control

import data.muster

verdict := muster.told([`{($.errorCode="*UnauthorizedOperation") || ($.errorCode="AccessDenied*")}`])
