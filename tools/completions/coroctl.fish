# Completion of coroctl's command line for fish. What may follow, coroctl knows itself.

function __coroctl_complete
    set -l typed (commandline -opc)
    set -l current (commandline -ct)
    set -l answer (coroctl complete -- $typed[2..-1] "$current" 2>/dev/null)

    if test "$answer" = ":files"
        __fish_complete_path (string replace -r -- '^--[^=]*=' '' "$current")
    else
        printf '%s\n' $answer
    end
end

complete -c coroctl -f -a '(__coroctl_complete)'
