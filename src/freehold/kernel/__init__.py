"""All that a service may use. Start with `service.Service` and `call.Call`."""
