-- Which actions Argo CD offers for an ImageShare.
local is_suspended = obj.spec.suspend == true
return {
  reconcile = {disabled = is_suspended},
  suspend = {disabled = is_suspended},
  resume = {disabled = not is_suspended},
}
