"""The commented example of a server's configuration: what `atoll server config edit` begins with."""

EXAMPLE = """\
## The configuration of this server. Lines with `## ` are remarks; remove the `# ` before the lines that you need.
## Without backends, the server has `local` (this machine as three zones). Hosts by SSH need no entry.

# backends:
##  This machine, for trials: how many zones, and what each may lend.
#   - type: local
#     zones: 3
#     cpus: 16
#     memory: 64GB

##  Hosts of your own, which fleets name: seconds that a job waits for a host that does not answer.
#   - type: ssh
#     job_silence: 60

##  AWS (needs `pip install 'atoll[aws]'`). `atoll server check aws` says what the account lacks.
##  `creds` may also be `{type: access_key, access_key: …, secret_key: …}`, `{type: profile, profile: …}`
##  or `{type: role, role_arn: …}`.
#   - type: aws
#     creds: {type: default}
#     regions: [us-east-1, us-west-2]
#     default_vpcs: true
#     public_ips: true
#     disk_size: 100
#     tags: {team: research}

## How long history is kept; `off` keeps it for ever.
# retention:
#   events: 30d
#   logs: 30d
#   log_size: off
#   runs: 90d
#   resources: 90d
#   observations: 90d

## Whether dstack's command line may use this server.
# dstack: true
"""
