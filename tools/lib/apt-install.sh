#!/bin/sh
# Installs the packages named as arguments, as root, without letting Debian start their services:
# we only want the programs. While this shell lives, a policy file says no; should the shell be
# killed, the file that it left says yes.
set -eu
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
  trap 'rm -f $policy' EXIT
  trap 'exit 1' INT TERM HUP
  printf '#!/bin/sh\n[ -d /proc/%s ] && exit 101\nexit 0\n' $$ > $policy
  chmod 755 $policy
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update
apt-get install --yes --no-install-recommends "$@"
