# Refreshes the package lists.
apt-get -q update
