"""Stand-ins for the PSAs and RMMs themselves, in their documented shapes. They change nothing real.

What is imitated is what the adapters' READMEs name the sources of. Where nobody knows what a vendor
does, it does what is worst for a careless client.

    tenant.py      what a tenant holds, how it behaves, and what it was asked
    VENDOR.py      the vendor's endpoints, and what it posts when a client changes
    sending.py     deliveries: the vendor's time-outs, retries, deactivation; and mishaps
    app.py         one vendor as an app, with the control endpoints under `/_sandbox/`
"""
