import type { Command } from 'commander';

/** A bash script that completes the program's commands, options, choices and, by asking the API, instances. */
export function bashCompletionOf(program: Command): string {
  const commands = commandsBelow(program, []);
  const cases = commands.map(
    ({ path, command }) => `    ${quoted(path.join(' '))}) words=${quoted(wordsOf(command))} ;;`,
  );
  const paths = commands.filter(({ path }) => path.length > 0).map(({ path }) => quoted(path.join(' ')));
  const wantInstance = commands
    .filter(({ command }) => command.registeredArguments[0]?.name() === 'instance')
    .map(({ path }) => quoted(path.join(' ')));
  const options = commands.flatMap(({ command }) => command.options);
  const withValue = [...new Set(options.filter(takesValue).map(({ long }) => long ?? ''))];
  const withFile = [...new Set(options.filter(({ flags }) => flags.endsWith('<file>')).map(({ long }) => long ?? ''))];
  const choices = new Map(options.flatMap(({ long, argChoices }) => (long && argChoices ? [[long, argChoices]] : [])));

  return `# bash completion for varve; made by: varve completion bash
_varve() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]}
  local path='' words='' asked='' connection=() i word
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    case $word in
      --url | --token | --token-file) connection+=("$word" "\${COMP_WORDS[i+1]}"); ((i++)); continue ;;
      ${withValue.filter((long) => !['--url', '--token', '--token-file'].includes(long)).join(' | ')}) ((i++)); continue ;;
      -*) continue ;;
    esac
    case "\${path:+$path }$word" in
      ${paths.join(' | ')}) path="\${path:+$path }$word" ;;
      *) asked=1 ;;
    esac
  done

  COMPREPLY=()
  case $previous in
    ${withFile.join(' | ')}) COMPREPLY=($(compgen -f -- "$current")); return ;;
    --instance) words=$(varve "\${connection[@]}" completion instances 2>/dev/null) ;;
${[...choices].map(([long, values]) => `    ${long}) words=${quoted(values.join(' '))} ;;`).join('\n')}
    ${withValue.filter((long) => !withFile.includes(long) && !choices.has(long) && long !== '--instance').join(' | ')}) return ;;
  esac
  if [[ -n $words ]]; then COMPREPLY=($(compgen -W "$words" -- "$current")); return; fi

  case $path in
${cases.join('\n')}
  esac
  if [[ $current != -* && -z $asked ]]; then
    case $path in
      ${wantInstance.join(' | ')}) words+=" $(varve "\${connection[@]}" completion instances 2>/dev/null)" ;;
    esac
  fi
  [[ $current == -* || -z $asked ]] || return
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -F _varve varve
`;
}

interface Located {
  readonly path: readonly string[];
  readonly command: Command;
}

function commandsBelow(command: Command, path: readonly string[]): Located[] {
  const below = command
    .createHelp()
    .visibleCommands(command)
    .filter((one) => one.name() !== 'help');
  return [{ path, command }, ...below.flatMap((one) => commandsBelow(one, [...path, one.name()]))];
}

/** Options that a user begins to type come last, and only commands without commands of their own have them. */
function wordsOf(command: Command): string {
  const help = command.createHelp();
  const commands = help.visibleCommands(command).flatMap((one) => (one.name() === 'help' ? [] : [one.name()]));
  const all = [...help.visibleOptions(command), ...globalsOf(command)];
  return [...commands, ...new Set(all.map(({ long }) => long ?? ''))].join(' ');
}

/** Of the program itself: they may stand anywhere. */
const globalsOf = ({ parent }: Command): Command['options'] =>
  parent === null ? [] : parent.parent === null ? [...parent.options] : globalsOf(parent);

const takesValue = ({ required, optional }: Command['options'][number]): boolean => required || optional;

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
