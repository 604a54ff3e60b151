#!/bin/sh
# Run by the feed's CI in a container of each architecture: test.sh PACKAGE VERSION
case $1 in p2p) p2p --version | grep -F "$2" ;; esac
