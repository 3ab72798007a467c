#compdef coroctl
# Completion of coroctl's command line for zsh. What may follow, coroctl knows itself.

_coroctl() {
    local line
    local -a values texts assigned

    for line in "${(@f)$(coroctl complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
        if [[ $line == :files ]]; then
            compset -P '--*='
            _files
            return
        fi
        [[ -n $line ]] || continue
        if [[ $line == *=$'\t'* ]]; then
            assigned+=("${line%%$'\t'*}")
        else
            values+=("${line%%$'\t'*}")
            texts+=("${line/$'\t'/  }")
        fi
    done
    (( $#assigned )) && compadd -S '' -a assigned
    (( $#values )) && compadd -l -d texts -a values
    (( $#assigned + $#values ))
}

_coroctl "$@"
