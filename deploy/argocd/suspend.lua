-- SWR is not called for the object any more.
obj.spec.suspend = true
return obj
