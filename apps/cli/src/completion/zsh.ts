import type { Command } from 'commander';
import { allOptionsOf, commandsBelow, CONNECTION, longOf, occurringIn, quoted, subcommandsOf } from './command-tree.js';

/** A zsh script as {@link bashCompletionOf}'s, with a word of explanation beside each command and option. */
export function zshCompletionOf(program: Command): string {
  const commands = commandsBelow(program);
  const { paths, withValue, withFile, withInstance, choices, free, pathsToInstance } = occurringIn(commands);
  const optionCases = commands.map(
    ({ path, command }) => `      ${quoted(path.join(' '))}) offers=(${optionsFor(command)}) ;;`,
  );
  const commandCases = commands
    .filter(({ command }) => subcommandsOf(command).length > 0)
    .map(({ path, command }) => `    ${quoted(path.join(' '))}) offers=(${commandsFor(command)}) ;;`);

  return `#compdef varve
# zsh completion for varve; made by: varve completion zsh
_varve() {
  local current=\${words[CURRENT]} previous=\${words[CURRENT-1]} path_='' asked='' word i
  local -a connection offers
  for ((i = 2; i < CURRENT; i++)); do
    word=\${(Q)words[i]}
    case $word in
      (${CONNECTION.join('|')}) connection+=("$word" "\${(Q)words[i+1]}"); ((i++)); continue ;;
      (${withValue.filter((long) => !CONNECTION.includes(long)).join('|')}) ((i++)); continue ;;
      (-*) continue ;;
    esac
    case "\${path_:+$path_ }$word" in
      (${paths.map(quoted).join('|')}) path_="\${path_:+$path_ }$word" ;;
      (*) asked=1 ;;
    esac
  done

  case $previous in
    (${withFile.join('|')}) _files; return ;;
    (${withInstance.join('|')}) _varve_instances; return ;;
${[...choices].map(([long, values]) => `    (${long}) compadd -- ${values.map(quoted).join(' ')}; return ;;`).join('\n')}
    (${free.join('|')}) return 1 ;;
  esac

  if [[ $current == -* ]]; then
    case $path_ in
${optionCases.join('\n')}
    esac
    _describe -o option offers
    return
  fi
  [[ -z $asked ]] || return 1
  case $path_ in
${commandCases.join('\n')}
  esac
  (( $#offers )) && _describe command offers
  case $path_ in
    (${pathsToInstance.map(quoted).join('|')}) _varve_instances ;;
  esac
}
_varve_instances() {
  local -a names
  names=(\${(f)"$(varve $connection completion instances 2>/dev/null)"})
  compadd -a names
}
# As a file called _varve in $fpath it is the function; sourced, it has to say so.
if [[ $funcstack[1] == _varve ]]; then _varve "$@"; else compdef _varve varve; fi
`;
}

const optionsFor = (command: Command): string =>
  allOptionsOf(command)
    .map((option) => quoted(`${longOf(option)}:${plain(option.description)}`))
    .join(' ');

const commandsFor = (command: Command): string =>
  subcommandsOf(command)
    .map((one) => quoted(`${one.name()}:${plain(one.description())}`))
    .join(' ');

/** `_describe` splits at colons. */
const plain = (text: string): string => text.replaceAll(/\s+/g, ' ').replaceAll(':', String.raw`\:`);
