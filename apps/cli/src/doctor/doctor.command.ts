import { Option } from 'commander';
import type { Command } from 'commander';
import { OperationEndedBadlyError } from '../exit-codes.js';
import type { Colour, Paint } from '../output/colours.js';
import { paintFor } from '../output/colours.js';
import { printable } from '../terminal.js';
import type { Cli } from '../settings.js';
import type { Finding, Status } from './finding.js';
import { PROCESSES } from './processes.js';
import type { ProcessName } from './processes.js';

interface DoctorOptions {
  readonly settings?: string;
  readonly installHook?: boolean;
  readonly of: ProcessName;
}

export function addDoctor(program: Command, cli: Cli): void {
  program
    .command('doctor')
    .description(
      'look whether the worker can work on this host (or another process here), and say what to do where not',
    )
    .addOption(new Option('--of <process>', 'whose place to look at').choices(PROCESSES).default('worker'))
    // Not --env-file: Node takes an option of that name for its own, wherever it stands.
    .option('--settings <file>', 'its environment file (default: /etc/varve/<process>.env where there is one)')
    .option('--install-hook', 'first link the hook that mends disks before libvirt starts a domain')
    .action(async ({ settings: file, installHook: wanted, of }: DoctorOptions, command: Command) => {
      const { json, url } = command.optsWithGlobals<{ json?: boolean; url?: string }>();
      // Loaded here alone: the other commands need none of what talks to hosts, brokers and stores.
      const [{ diagnose }, { readEnvironment, settingsFrom }, { installHook }] = await Promise.all([
        import('./diagnose.js'),
        import('./host-settings.js'),
        import('./checks/hook.check.js'),
      ]);
      const { env, file: from, finding: source } = await readEnvironment(file ?? null, cli.env, of);
      const given = url === undefined ? env : { ...env, VARVE_URL: url };
      const { settings, findings } = settingsFrom(given, { process: of, file: from });
      const all: Finding[] = [];
      const paint = paintFor(cli);
      const tell = (finding: Finding): void => {
        all.push(finding);
        if (!json) cli.terminal.out.write(lineOf(finding, paint));
      };

      for (const finding of [source, ...findings]) tell(finding);
      if (wanted) await installHook();
      for await (const finding of diagnose(settings)) {
        cli.signal.throwIfAborted();
        tell(finding);
      }
      const failed = all.filter(({ status }) => status === 'fail').length;
      if (json) cli.terminal.out.write(`${JSON.stringify({ ok: failed === 0, findings: all }, null, 2)}\n`);
      if (failed > 0) throw new OperationEndedBadlyError(`${failed} of ${all.length} things are wrong`);
    });
}

const LOOKS: Readonly<Record<Status, Colour>> = {
  ok: 'green',
  warn: 'yellow',
  fail: 'red',
  skip: 'dim',
};

function lineOf({ check, status, found, advice }: Finding, paint: Paint): string {
  const shown = paint(LOOKS[status], status.padEnd(4));
  return `${shown}  ${check.padEnd(20)}  ${printable(found)}\n${advice === null ? '' : `      ${' '.repeat(20)}  -> ${printable(advice)}\n`}`;
}
