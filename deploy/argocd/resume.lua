-- SWR is called for the object again.
obj.spec.suspend = false
return obj
