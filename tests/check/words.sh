#!/bin/sh
# The product speaks of itself alone: refuse what betrays a workplace, and calls
# that this code base does without (docs/contributing.md says why).
set -eu
bad=0
refuse() { # pattern, what, files...
	pattern=$1 what=$2
	shift 2
	if grep -nE "$pattern" "$@" /dev/null; then
		echo "words: $what" >&2
		bad=1
	fi
}
sources=$(find common signer update-server updater-client -name '*.[ch]')
# shellcheck disable=SC2086 # a list of files
refuse '\b(sprintf|strcpy|strcat|strncpy|strtok|sscanf|atoi|atol|strtol|strtoul|gets|system|popen)\(' \
	'banned function' $sources
# shellcheck disable=SC2046
refuse 'sqlite3_exec\(.*(%|\+)' 'SQL is prepared, never pasted' \
	$(find update-server -name '*.c')
# It extracts as whoever packed it says, and changes the process's umask.
# shellcheck disable=SC2086
refuse 'archive_write_disk_?[a-z]*\(|archive_read_extract' 'trees are written by us' \
	$sources
# shellcheck disable=SC2046
refuse '__attribute__\(\(cleanup' 'no cleanup attribute' \
	$(find common signer update-server updater-client -name '*.[ch]')
exit $bad
