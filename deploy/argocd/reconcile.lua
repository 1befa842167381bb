-- Asks for a look at the cloud now.
local os = require("os")
if obj.metadata.annotations == nil then
  obj.metadata.annotations = {}
end
obj.metadata.annotations["imageshare.dev/reconcile-requested-at"] = os.date("!%Y-%m-%dT%XZ")
return obj
