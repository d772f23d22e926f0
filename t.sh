set -eo pipefail
time http --check-status --stream -A bearer -a {"status":"fail","message":"email or password does not match"} ':18230/api/v1/audit/events?after=0' | head -4
echo "exit $?"
