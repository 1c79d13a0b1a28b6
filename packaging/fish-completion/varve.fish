# fish completion for varve; made by: varve completion fish

# The commands typed so far; then the number of other arguments; then whom to ask.
function __varve_typed
    set -l words (commandline -opc)
    set -l path
    set -l others 0
    set -l connection
    set -l skip 0
    for i in (seq 2 (count $words))
        if test $skip = 1
            set skip 0
            continue
        end
        switch $words[$i]
            case --url --token --token-file
                set -a connection $words[$i] $words[(math $i + 1)]
                set skip 1
            case --from --to --every --search --protection --host --project --sort --limit --name --quiesce --status --at --point --visibility --format --instance --state --kind --user --action --outcome --domain --application-credential --of --settings
                set skip 1
            case '-*'
            case '*'
                if contains -- (string join ' ' $path $words[$i]) 'overview' 'overview storage' 'top' 'instance' 'instance list' 'instance show' 'instance chain' 'snapshot' 'snapshot create' 'snapshot estimate' 'snapshot list' 'snapshot show' 'snapshot delete' 'restore-point' 'restore-point list' 'restore-point timeline' 'rollback' 'rollback plan' 'rollback undo' 'rollback keep' 'rollback list' 'rollback show' 'export' 'settle' 'repair' 'operation' 'operation list' 'operation show' 'operation watch' 'operation steps' 'operation cancel' 'events' 'host' 'host list' 'audit' 'audit list' 'login' 'logout' 'whoami' 'doctor' 'completion' 'completion bash' 'completion zsh' 'completion fish'
                    set -a path $words[$i]
                else
                    set others (math $others + 1)
                end
        end
    end
    string join ' ' -- $path
    test (count $path) = 0; and echo
    echo $others
    string join \n -- $connection
end

# Whether just this was typed, so that a command or a first argument may follow.
function __varve_at
    set -l typed (__varve_typed)
    test "$typed[1]" = "$argv[1]" -a "$typed[2]" = 0
end

# Whether this was typed, and maybe arguments.
function __varve_below
    set -l typed (__varve_typed)
    test "$typed[1]" = "$argv[1]"
end

function __varve_instances
    set -l typed (__varve_typed)
    varve $typed[3..] completion instances 2>/dev/null
end

complete -c varve -f
complete -c varve -x -l url -d 'where the API answers (VARVE_URL)'
complete -c varve -x -l token -d 'what it is asked with (VARVE_TOKEN); other users of this machine may see it'
complete -c varve -r -F -l token-file -d 'a file with the token (VARVE_TOKEN_FILE, else ~/.config/varve/token)'
complete -c varve -l json -d 'print results as JSON'
complete -c varve -l help -d 'display help'
complete -c varve -n '__varve_at \'instance show\'; or __varve_at \'instance chain\'; or __varve_at \'snapshot create\'; or __varve_at \'snapshot estimate\'; or __varve_at \'snapshot list\'; or __varve_at \'restore-point list\'; or __varve_at \'restore-point timeline\'; or __varve_at \'rollback\'; or __varve_at \'rollback plan\'; or __varve_at \'rollback list\'; or __varve_at \'export\'; or __varve_at \'settle\'; or __varve_at \'repair\'' -a '(__varve_instances)'
complete -c varve -n '__varve_at \'\'' -a 'overview' -d 'how everything is, at a glance'
complete -c varve -n '__varve_at \'\'' -a 'top' -d 'show what runs now, live; q or Ctrl-C ends'
complete -c varve -n '__varve_at \'\'' -a 'instance' -d 'look at instances'
complete -c varve -n '__varve_at \'\'' -a 'snapshot' -d 'take, look at and delete snapshots'
complete -c varve -n '__varve_at \'\'' -a 'restore-point' -d 'what an instance can go back to'
complete -c varve -n '__varve_at \'\'' -a 'rollback' -d 'put an instance\'s system disk back to a point in time; the instance is stopped and started'
complete -c varve -n '__varve_at \'\'' -a 'export' -d 'make an image of the cloud of a restore point, to boot new instances from; nothing is stopped'
complete -c varve -n '__varve_at \'\'' -a 'settle' -d 'bring the system disk back to one layer on its base image, for a resize, a migration or an image of it'
complete -c varve -n '__varve_at \'\'' -a 'repair' -d 'bring back the layers that a resize or a move has left behind'
complete -c varve -n '__varve_at \'\'' -a 'operation' -d 'follow and cancel what runs'
complete -c varve -n '__varve_at \'\'' -a 'events' -d 'tell what happens from now on, until Ctrl-C; with --json, one line for each event'
complete -c varve -n '__varve_at \'\'' -a 'host' -d 'look at the hypervisor hosts'
complete -c varve -n '__varve_at \'\'' -a 'audit' -d 'who did what'
complete -c varve -n '__varve_at \'\'' -a 'login' -d 'get a token from Keystone and keep it for the commands that follow; see logout'
complete -c varve -n '__varve_at \'\'' -a 'logout' -d 'revoke the token, and delete it where login keeps it; without Keystone, one of the API\'s tokens file goes on'
complete -c varve -n '__varve_at \'\'' -a 'whoami' -d 'say whose token it is, and what it may'
complete -c varve -n '__varve_at \'\'' -a 'doctor' -d 'look whether the worker can work on this host (or another process here), and say what to do where not'
complete -c varve -n '__varve_at \'\'' -a 'completion' -d 'completion for a shell'
complete -c varve -n '__varve_at \'overview\'' -a 'storage' -d 'what is stored, over time'
complete -c varve -n '__varve_below \'overview\'' -l csv -d 'print results as CSV (RFC 4180), with a line of names'
complete -c varve -n '__varve_below \'overview storage\'' -x -l from -d 'not before'
complete -c varve -n '__varve_below \'overview storage\'' -x -l to -d 'not after'
complete -c varve -n '__varve_below \'overview storage\'' -l csv -d 'print results as CSV (RFC 4180), with a line of names'
complete -c varve -n '__varve_below \'overview storage\'' -l watch -d 'list again every so often (2), until q or Ctrl-C'
complete -c varve -n '__varve_below \'top\'' -x -l every -d 'how often to look'
complete -c varve -n '__varve_at \'instance\'' -a 'list' -d 'list the instances'
complete -c varve -n '__varve_at \'instance\'' -a 'show' -d 'show one instance'
complete -c varve -n '__varve_at \'instance\'' -a 'chain' -d 'show an instance\'s layers as they are on its host, the base image first; with --csv, the layers alone'
complete -c varve -n '__varve_below \'instance list\'' -x -l search -d 'only those with this in their name, or at the beginning of their uuid'
complete -c varve -n '__varve_below \'instance list\'' -x -a 'protected failing unprotected unsupported' -l protection -d 'only those that are so'
complete -c varve -n '__varve_below \'instance list\'' -x -l host -d 'only those on this host'
complete -c varve -n '__varve_below \'instance list\'' -x -l project -d 'only this project\'s (administrators)'
complete -c varve -n '__varve_below \'instance list\'' -x -a 'id name host point stored disk' -l sort -d 'by name, host, age of the newest restore point, bytes in the store or size'
complete -c varve -n '__varve_below \'instance list\'' -l desc -d 'the greatest first'
complete -c varve -n '__varve_below \'instance list\'' -x -l limit -d 'the most to list'
complete -c varve -n '__varve_below \'instance list\'' -l csv -d 'print results as CSV (RFC 4180), with a line of names'
complete -c varve -n '__varve_below \'instance list\'' -l watch -d 'list again every so often (2), until q or Ctrl-C'
complete -c varve -n '__varve_below \'instance show\'' -l csv -d 'print results as CSV (RFC 4180), with a line of names'
complete -c varve -n '__varve_below \'instance chain\'' -l csv -d 'print results as CSV (RFC 4180), with a line of names'
complete -c varve -n '__varve_at \'snapshot\'' -a 'create' -d 'take a snapshot of the system disk; the guest goes on running'
complete -c varve -n '__varve_at \'snapshot\'' -a 'estimate' -d 'say what a snapshot now would be like; takes none'
complete -c varve -n '__varve_at \'snapshot\'' -a 'list' -d 'list an instance\'s snapshots, newest first, failed ones too'
complete -c varve -n '__varve_at \'snapshot\'' -a 'show' -d 'show one snapshot'
complete -c varve -n '__varve_at \'snapshot\'' -a 'delete' -d 'delete a snapshot that no other one stands on'
complete -c varve -n '__varve_below \'snapshot create\'' -x -l name -d 'what to call it'
complete -c varve -n '__varve_below \'snapshot create\'' -x -a 'none try require' -l quiesce -d 'freeze the guest file systems: not, if its agent answers, or else fail'
complete -c varve -n '__varve_below \'snapshot create\'' -l no-wait -d 'only ask for it'
complete -c varve -n '__varve_below \'snapshot estimate\'' -l csv -d 'print results as CSV (RFC 4180), with a line of names'
complete -c varve -n '__varve_below \'snapshot list\'' -x -a 'creating available restoring deleting error' -l status -d 'only these'
complete -c varve -n '__varve_below \'snapshot list\'' -x -l limit -d 'the most to list'
complete -c varve -n '__varve_below \'snapshot list\'' -l csv -d 'print results as CSV (RFC 4180), with a line of names'
complete -c varve -n '__varve_below \'snapshot list\'' -l watch -d 'list again every so often (2), until q or Ctrl-C'
complete -c varve -n '__varve_below \'snapshot show\'' -l csv -d 'print results as CSV (RFC 4180), with a line of names'
complete -c varve -n '__varve_below \'snapshot delete\'' -l no-wait -d 'only ask for it'
complete -c varve -n '__varve_at \'restore-point\'' -a 'list' -d 'list the points in time that an instance can go back to, newest first'
complete -c varve -n '__varve_at \'restore-point\'' -a 'timeline' -d 'show the restore points in time, failed ones too, with the branches that rollbacks began; oldest first'
complete -c varve -n '__varve_below \'restore-point list\'' -x -l from -d 'not older'
complete -c varve -n '__varve_below \'restore-point list\'' -x -l to -d 'not younger'
complete -c varve -n '__varve_below \'restore-point list\'' -x -l limit -d 'the most to list'
complete -c varve -n '__varve_below \'restore-point list\'' -l csv -d 'print results as CSV (RFC 4180), with a line of names'
complete -c varve -n '__varve_below \'restore-point list\'' -l watch -d 'list again every so often (2), until q or Ctrl-C'
complete -c varve -n '__varve_below \'restore-point timeline\'' -x -l from -d 'not older'
complete -c varve -n '__varve_below \'restore-point timeline\'' -x -l to -d 'not younger'
complete -c varve -n '__varve_below \'restore-point timeline\'' -l csv -d 'print results as CSV (RFC 4180), with a line of names'
complete -c varve -n '__varve_at \'rollback\'' -a 'plan' -d 'say what a rollback would do; does nothing'
complete -c varve -n '__varve_at \'rollback\'' -a 'undo' -d 'bring back what a rollback replaced; the instance is stopped and started'
complete -c varve -n '__varve_at \'rollback\'' -a 'keep' -d 'give up what a rollback replaced and free its space on the host; after that it can not be undone'
complete -c varve -n '__varve_at \'rollback\'' -a 'list' -d 'list an instance\'s rollbacks and undos, newest first'
complete -c varve -n '__varve_at \'rollback\'' -a 'show' -d 'show one rollback or undo'
complete -c varve -n '__varve_below \'rollback\'' -x -l to -d 'the snapshot\'s uid'
complete -c varve -n '__varve_below \'rollback\'' -x -l at -d 'the newest restore point that is not younger'
complete -c varve -n '__varve_below \'rollback\'' -l yes -d 'do not ask'
complete -c varve -n '__varve_below \'rollback\'' -l no-wait -d 'only ask for it'
complete -c varve -n '__varve_below \'rollback plan\'' -x -l to -d 'the snapshot\'s uid'
complete -c varve -n '__varve_below \'rollback plan\'' -x -l at -d 'the newest restore point that is not younger'
complete -c varve -n '__varve_below \'rollback plan\'' -l csv -d 'print results as CSV (RFC 4180), with a line of names'
complete -c varve -n '__varve_below \'rollback undo\'' -l yes -d 'do not ask'
complete -c varve -n '__varve_below \'rollback undo\'' -l no-wait -d 'only ask for it'
complete -c varve -n '__varve_below \'rollback keep\'' -l yes -d 'do not ask'
complete -c varve -n '__varve_below \'rollback keep\'' -l no-wait -d 'only ask for it'
complete -c varve -n '__varve_below \'rollback list\'' -x -l limit -d 'the most to list'
complete -c varve -n '__varve_below \'rollback list\'' -l csv -d 'print results as CSV (RFC 4180), with a line of names'
complete -c varve -n '__varve_below \'rollback list\'' -l watch -d 'list again every so often (2), until q or Ctrl-C'
complete -c varve -n '__varve_below \'rollback show\'' -l csv -d 'print results as CSV (RFC 4180), with a line of names'
complete -c varve -n '__varve_below \'export\'' -x -l point -d 'the snapshot\'s uid'
complete -c varve -n '__varve_below \'export\'' -x -l at -d 'the newest restore point that is not younger'
complete -c varve -n '__varve_below \'export\'' -x -l name -d 'what to call the image'
complete -c varve -n '__varve_below \'export\'' -x -a 'private shared' -l visibility -d 'who sees the image; private by default'
complete -c varve -n '__varve_below \'export\'' -x -a 'qcow2 raw' -l format -d 'qcow2 by default; raw sends the zeros too'
complete -c varve -n '__varve_below \'export\'' -l wait -d 'follow it to its end (as without it; for runbooks)'
complete -c varve -n '__varve_below \'export\'' -l no-wait -d 'only ask for it'
complete -c varve -n '__varve_below \'settle\'' -l wait -d 'follow it to its end (as without it; for runbooks)'
complete -c varve -n '__varve_below \'settle\'' -l no-wait -d 'only ask for it'
complete -c varve -n '__varve_below \'repair\'' -l accept-disk -d 'where the disk was made anew without its layers: take it for right as it is'
complete -c varve -n '__varve_below \'repair\'' -l wait -d 'follow it to its end (as without it; for runbooks)'
complete -c varve -n '__varve_below \'repair\'' -l no-wait -d 'only ask for it'
complete -c varve -n '__varve_at \'operation\'' -a 'list' -d 'list operations, newest first'
complete -c varve -n '__varve_at \'operation\'' -a 'show' -d 'show one operation'
complete -c varve -n '__varve_at \'operation\'' -a 'watch' -d 'follow an operation to its end; with --json, one line for each change'
complete -c varve -n '__varve_at \'operation\'' -a 'steps' -d 'list what the host did for an operation, step by step, as its journal has it'
complete -c varve -n '__varve_at \'operation\'' -a 'cancel' -d 'cancel an operation that has not yet changed the disk for good'
complete -c varve -n '__varve_below \'operation list\'' -x -a '(__varve_instances)' -l instance -d 'only this instance\'s'
complete -c varve -n '__varve_below \'operation list\'' -x -a 'queued running succeeded failed cancelled' -l state -d 'only these'
complete -c varve -n '__varve_below \'operation list\'' -x -a 'snapshot rollback undo keep delete settle repair export' -l kind -d 'only these'
complete -c varve -n '__varve_below \'operation list\'' -x -l host -d 'only those on this host'
complete -c varve -n '__varve_below \'operation list\'' -l active -d 'only what is queued or running'
complete -c varve -n '__varve_below \'operation list\'' -x -l limit -d 'the most to list'
complete -c varve -n '__varve_below \'operation list\'' -l csv -d 'print results as CSV (RFC 4180), with a line of names'
complete -c varve -n '__varve_below \'operation list\'' -l watch -d 'list again every so often (2), until q or Ctrl-C'
complete -c varve -n '__varve_below \'operation show\'' -l csv -d 'print results as CSV (RFC 4180), with a line of names'
complete -c varve -n '__varve_below \'operation steps\'' -l csv -d 'print results as CSV (RFC 4180), with a line of names'
complete -c varve -n '__varve_below \'operation steps\'' -l watch -d 'list again every so often (2), until q or Ctrl-C'
complete -c varve -n '__varve_below \'operation cancel\'' -l no-wait -d 'only ask for it'
complete -c varve -n '__varve_below \'events\'' -x -a '(__varve_instances)' -l instance -d 'only this instance\'s'
complete -c varve -n '__varve_at \'host\'' -a 'list' -d 'list the hypervisor hosts (administrators)'
complete -c varve -n '__varve_below \'host list\'' -l csv -d 'print results as CSV (RFC 4180), with a line of names'
complete -c varve -n '__varve_below \'host list\'' -l watch -d 'list again every so often (2), until q or Ctrl-C'
complete -c varve -n '__varve_at \'audit\'' -a 'list' -d 'list what was asked for and what was refused, newest first (administrators)'
complete -c varve -n '__varve_below \'audit list\'' -x -l from -d 'not before'
complete -c varve -n '__varve_below \'audit list\'' -x -l to -d 'not after'
complete -c varve -n '__varve_below \'audit list\'' -x -l user -d 'only this user\'s'
complete -c varve -n '__varve_below \'audit list\'' -x -l project -d 'only this project\'s'
complete -c varve -n '__varve_below \'audit list\'' -x -l action -d 'only this, e.g. rollbacks:create'
complete -c varve -n '__varve_below \'audit list\'' -x -a 'accepted denied' -l outcome -d 'only these'
complete -c varve -n '__varve_below \'audit list\'' -x -l limit -d 'the most to list'
complete -c varve -n '__varve_below \'audit list\'' -l csv -d 'print results as CSV (RFC 4180), with a line of names'
complete -c varve -n '__varve_below \'audit list\'' -l watch -d 'list again every so often (2), until q or Ctrl-C'
complete -c varve -n '__varve_below \'login\'' -x -l user -d 'with a password, which is asked for (OS_USERNAME, OS_PASSWORD)'
complete -c varve -n '__varve_below \'login\'' -x -l domain -d 'of the user and the project (OS_USER_DOMAIN_NAME)'
complete -c varve -n '__varve_below \'login\'' -x -l project -d 'without: your default one (OS_PROJECT_NAME); given alone, the token at hand is changed for one of that project'
complete -c varve -n '__varve_below \'login\'' -x -l application-credential -d 'with its secret, which is asked for (OS_APPLICATION_CREDENTIAL_ID, OS_APPLICATION_CREDENTIAL_SECRET)'
complete -c varve -n '__varve_below \'whoami\'' -l csv -d 'print results as CSV (RFC 4180), with a line of names'
complete -c varve -n '__varve_below \'doctor\'' -x -a 'worker conductor api' -l of -d 'whose place to look at'
complete -c varve -n '__varve_below \'doctor\'' -r -F -l settings -d 'its environment file (default: /etc/varve/<process>.env where there is one)'
complete -c varve -n '__varve_below \'doctor\'' -l install-hook -d 'first link the hook that mends disks before libvirt starts a domain'
complete -c varve -n '__varve_at \'completion\'' -a 'bash' -d 'print the script for bash; use: source <(varve completion bash)'
complete -c varve -n '__varve_at \'completion\'' -a 'zsh' -d 'print the script for zsh; use: source <(varve completion zsh), or as a file _varve in $fpath'
complete -c varve -n '__varve_at \'completion\'' -a 'fish' -d 'print the script for fish; use: varve completion fish | source'
