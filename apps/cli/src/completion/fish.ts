import type { Command, Option } from 'commander';
import {
  commandsBelow,
  globalsOf,
  isInstanceOption,
  longOf,
  occurringIn,
  optionsOf,
  subcommandsOf,
  takesFile,
  takesValue,
} from './command-tree.js';

/** A fish script as the bash one, with a word of explanation beside each command and option. */
export function fishCompletionOf(program: Command): string {
  const commands = commandsBelow(program);
  const { paths, withValue, pathsToInstance } = occurringIn(commands);
  const lines = commands.flatMap(({ path, command }) => {
    const at = `-n ${quoted(`__varve_at ${quoted(path.join(' '))}`)}`;
    return [
      ...subcommandsOf(command).map(
        (one) => `complete -c varve ${at} -a ${quoted(one.name())} -d ${quoted(one.description())}`,
      ),
      ...ownOptionsOf(command).map(
        (option) =>
          `complete -c varve -n ${quoted(`__varve_below ${quoted(path.join(' '))}`)}${valueOf(option)} -l ${longOf(option).slice(2)} -d ${quoted(option.description)}`,
      ),
    ];
  });
  const wantInstance = pathsToInstance.map((path) => `__varve_at ${quoted(path)}`).join('; or ');

  return `# fish completion for varve; made by: varve completion fish

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
            case ${['--url', '--token', '--token-file'].join(' ')}
                set -a connection $words[$i] $words[(math $i + 1)]
                set skip 1
            case ${withValue.filter((long) => !['--url', '--token', '--token-file'].includes(long)).join(' ')}
                set skip 1
            case '-*'
            case '*'
                if contains -- (string join ' ' $path $words[$i]) ${paths.map(quoted).join(' ')}
                    set -a path $words[$i]
                else
                    set others (math $others + 1)
                end
        end
    end
    string join ' ' -- $path
    test (count $path) = 0; and echo
    echo $others
    string join \\n -- $connection
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
${program.options.map((option) => `complete -c varve${valueOf(option)} -l ${longOf(option).slice(2)} -d ${quoted(option.description)}`).join('\n')}
complete -c varve -l help -d 'display help'
complete -c varve -n ${quoted(wantInstance)} -a '(__varve_instances)'
${lines.join('\n')}
`;
}

function ownOptionsOf(command: Command): Option[] {
  const globals = new Set(['--help', ...(command.parent === null ? command.options : globalsOf(command)).map(longOf)]);
  return optionsOf(command).filter((option) => !globals.has(longOf(option)));
}

/** Of the option's value, where it has one; with a leading space. */
function valueOf(option: Option): string {
  if (!takesValue(option)) return '';
  if (takesFile(option)) return ' -r -F';
  if (isInstanceOption(option)) return ` -x -a '(__varve_instances)'`;
  return option.argChoices ? ` -x -a ${quoted(option.argChoices.join(' '))}` : ' -x';
}

/** fish knows two escapes in single quotes. */
const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
