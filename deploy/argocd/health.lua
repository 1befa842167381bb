-- How healthy an ImageShare is, for Argo CD. docs/gitops.md has what becomes of each reason.
local status = obj.status or {}
local conditions = {}
for _, condition in ipairs(status.conditions or {}) do
  conditions[condition.type] = condition
end

local function holds(kind)
  return conditions[kind] ~= nil and conditions[kind].status == "True"
end

if status.observedGeneration ~= obj.metadata.generation then
  return {status = "Progressing", message = "the operator has not looked at this version of the object yet"}
end
if holds("Suspended") then
  return {status = "Suspended", message = conditions.Suspended.message}
end
if holds("Stalled") then
  return {status = "Degraded", message = conditions.Stalled.message}
end
if holds("Ready") then
  return {status = "Healthy", message = conditions.Ready.message}
end
local ready = conditions.Ready or {}
return {status = "Progressing", message = ready.message or "the operator has not said anything yet"}
