# SPDX-License-Identifier: Apache-2.0
# Completion for bash, of pawl-signer, pawl-server and pawl-client alike: what a
# program can do is what its own --help says, so there is no list here to go
# stale. Installed under each program's name.

_pawl_commands() {
	"$1" --help 2>/dev/null |
		sed -n 's/^  \([a-z][a-z-]*\( [a-z][a-z-]*\)\{0,1\}\)  .*/\1/p'
}

_pawl_options() {
	"$@" --help 2>/dev/null | sed -n 's/.*\(--[a-z][a-z0-9-]*\).*/\1/p'
}

# Does this option of the command take a value?
_pawl_takes_value() {
	local option=$1
	shift
	"$@" --help 2>/dev/null | grep -q -- "^  $option [A-Z]"
}

_pawl() {
	local program=$1 now=${COMP_WORDS[COMP_CWORD]}
	local before=${COMP_WORDS[COMP_CWORD - 1]} commands first second i
	local -a command=("$program")

	COMPREPLY=()
	commands=$(_pawl_commands "$program")
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-*) break ;;
		esac
		[ "${first-}" ] && [ ! "${second-}" ] && second=${COMP_WORDS[i]}
		[ "${first-}" ] || first=${COMP_WORDS[i]}
	done
	# "device list" is a command, "run" is one, "run FOLDER" is "run".
	if [ "${second-}" ] && grep -qx -- "$first $second" <<<"$commands"; then
		command+=("$first" "$second")
	elif [ "${first-}" ] && grep -qx -- "$first" <<<"$commands"; then
		command+=("$first")
	fi

	if [ "${#command[@]}" -eq 1 ]; then
		if [ "$COMP_CWORD" -eq 1 ]; then
			COMPREPLY=($(compgen -W "$(cut -d' ' -f1 \
				<<<"$commands" | sort -u) help --help --version" \
				-- "$now"))
		elif [ "$COMP_CWORD" -eq 2 ]; then
			COMPREPLY=($(compgen -W "$(sed -n "s/^$first //p" \
				<<<"$commands")" -- "$now"))
		fi
		return
	fi
	case $now in
	-*)
		COMPREPLY=($(compgen -W "$(_pawl_options "${command[@]}")" \
			-- "$now"))
		return
		;;
	esac
	# A word that is also the beginning of a longer command.
	if [ "$COMP_CWORD" -eq 2 ] && [ "${#command[@]}" -eq 2 ]; then
		COMPREPLY=($(compgen -W "$(sed -n "s/^$first //p" \
			<<<"$commands")" -- "$now"))
	fi
	case $before in
	--*) _pawl_takes_value "$before" "${command[@]}" || before= ;;
	esac
	compopt -o filenames 2>/dev/null
	COMPREPLY+=($(compgen -f -- "$now"))
}

complete -F _pawl pawl-signer pawl-server pawl-client
