# Installs the packages named as arguments; the package files stay, for the next run's cache.
apt-get -q -y --no-install-recommends -o APT::Keep-Downloaded-Packages=true install "$@"
dpkg --audit
test -z "$(dpkg --audit)"
