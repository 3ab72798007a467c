# Completion of coroctl's command line for bash. What may follow, coroctl knows itself.

_coroctl() {
    local words=() word value joined=

    # bash splits words at '='.
    for word in "${COMP_WORDS[@]:1:COMP_CWORD}"; do
        if [[ ${#words[@]} -gt 0 && ($word == = || ${words[-1]} == *=) ]]; then
            words[-1]+=$word joined=1
        else
            words+=("$word") joined=
        fi
    done
    word=${words[-1]}
    COMPREPLY=()
    while IFS=$'\t' read -r value _; do
        if [[ $value == :files ]]; then
            [[ $word == --*=* ]] && word=${word#*=}
            compopt -o filenames 2>/dev/null
            mapfile -t COMPREPLY < <(compgen -f -- "$word")
            return
        fi
        [[ -n $joined ]] && value=${value#*=}
        [[ $value == *= ]] && compopt -o nospace 2>/dev/null
        COMPREPLY+=("$value")
    done < <(coroctl complete -- "${words[@]}" 2>/dev/null)
}

complete -F _coroctl coroctl
