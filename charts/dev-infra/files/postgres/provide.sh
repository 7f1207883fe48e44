#!/bin/bash
# Give each service its role, with the password of today's Secret, and its database. Runs at every start, beside the
# server, so that a service added later gets its own too. What is there already stays.
set -euo pipefail
exec >/proc/1/fd/1 2>&1 # A hook's own output is shown to nobody.

secret() { cat "/run/secrets/dev-infra/$1"; }

# Over TCP: while the image makes a new data folder, its temporary server listens on the socket only.
export PGHOST=127.0.0.1 PGUSER=postgres PGPASSWORD
PGPASSWORD=$(secret postgres-password)
until pg_isready --quiet; do sleep 0.2; done

for service in "$@"; do
  PASSWORD=$(secret "$service-database-password") psql --quiet --no-psqlrc -v service="$service" -f "${0%/*}/provide.sql"
done
