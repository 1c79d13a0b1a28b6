import type { Command } from 'commander';
import { allOptionsOf, commandsBelow, CONNECTION, longOf, occurringIn, quoted, subcommandsOf } from './command-tree.js';

/** A bash script that completes the program's commands, options, choices and, by asking the API, instances. */
export function bashCompletionOf(program: Command): string {
  const commands = commandsBelow(program);
  const { paths, withValue, withFile, withInstance, choices, free, pathsToInstance } = occurringIn(commands);
  const cases = commands.map(
    ({ path, command }) => `    ${quoted(path.join(' '))}) words=${quoted(wordsOf(command))} ;;`,
  );

  return `# bash completion for varve; made by: varve completion bash
_varve() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]}
  local path='' words='' asked='' connection=() i word
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    case $word in
      ${CONNECTION.join(' | ')}) connection+=("$word" "\${COMP_WORDS[i+1]}"); ((i++)); continue ;;
      ${withValue.filter((long) => !CONNECTION.includes(long)).join(' | ')}) ((i++)); continue ;;
      -*) continue ;;
    esac
    case "\${path:+$path }$word" in
      ${paths.map(quoted).join(' | ')}) path="\${path:+$path }$word" ;;
      *) asked=1 ;;
    esac
  done

  COMPREPLY=()
  case $previous in
    ${withFile.join(' | ')}) COMPREPLY=($(compgen -f -- "$current")); return ;;
    ${withInstance.join(' | ')}) words=$(varve "\${connection[@]}" completion instances 2>/dev/null) ;;
${[...choices].map(([long, values]) => `    ${long}) words=${quoted(values.join(' '))} ;;`).join('\n')}
    ${free.join(' | ')}) return ;;
  esac
  if [[ -n $words ]]; then COMPREPLY=($(compgen -W "$words" -- "$current")); return; fi

  case $path in
${cases.join('\n')}
  esac
  if [[ $current != -* && -z $asked ]]; then
    case $path in
      ${pathsToInstance.map(quoted).join(' | ')}) words+=" $(varve "\${connection[@]}" completion instances 2>/dev/null)" ;;
    esac
  fi
  [[ $current == -* || -z $asked ]] || return
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -F _varve varve
`;
}

/** Options that a user begins to type come last, and only commands without commands of their own have them. */
const wordsOf = (command: Command): string =>
  [...subcommandsOf(command).map((one) => one.name()), ...allOptionsOf(command).map(longOf)].join(' ');
