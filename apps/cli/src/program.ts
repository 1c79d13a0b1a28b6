import { ApiError } from '@varve/api-client';
import type { Problem } from '@varve/core';
import { ServiceError } from '@varve/core';
import { Command, CommanderError } from 'commander';
import { addAuditList } from './commands/audit-list.command.js';
import { addCompletion } from './commands/completion.command.js';
import { addEvents } from './commands/events.command.js';
import { addExport } from './commands/export.command.js';
import { addHostList } from './commands/host-list.command.js';
import { addInstanceChain } from './commands/instance-chain.command.js';
import { addInstanceList } from './commands/instance-list.command.js';
import { addInstanceShow } from './commands/instance-show.command.js';
import { addLogin } from './commands/login.command.js';
import { addOperationCancel } from './commands/operation-cancel.command.js';
import { addOperationList } from './commands/operation-list.command.js';
import { addOperationShow } from './commands/operation-show.command.js';
import { addOperationSteps } from './commands/operation-steps.command.js';
import { addOperationWatch } from './commands/operation-watch.command.js';
import { addOverview } from './commands/overview.command.js';
import { addRepair } from './commands/repair.command.js';
import { addRestorePointList } from './commands/restore-point-list.command.js';
import { addRestorePointTimeline } from './commands/restore-point-timeline.command.js';
import { addRollback } from './commands/rollback.command.js';
import { addRollbackKeep } from './commands/rollback-keep.command.js';
import { addRollbackList } from './commands/rollback-list.command.js';
import { addRollbackPlan } from './commands/rollback-plan.command.js';
import { addRollbackShow } from './commands/rollback-show.command.js';
import { addRollbackUndo } from './commands/rollback-undo.command.js';
import { addSnapshotCreate } from './commands/snapshot-create.command.js';
import { addSnapshotDelete } from './commands/snapshot-delete.command.js';
import { addSnapshotEstimate } from './commands/snapshot-estimate.command.js';
import { addSnapshotList } from './commands/snapshot-list.command.js';
import { addSnapshotShow } from './commands/snapshot-show.command.js';
import { addSettle } from './commands/settle.command.js';
import { addTop } from './commands/top.command.js';
import { addWhoami } from './commands/whoami.command.js';
import { addDoctor } from './doctor/doctor.command.js';
import {
  EXIT_CODES_HELP,
  ExitCode,
  exitCodeOf,
  InterruptedError,
  OperationEndedBadlyError,
  UsageError,
} from './exit-codes.js';
import { adviceOf } from './follow.js';
import { note } from './output/print.js';
import type { Cli } from './settings.js';
import { addGlobalOptions } from './settings.js';

/** @param writeErr - takes commander's own words about a command line that is wrong */
export function programOf(
  cli: Cli,
  writeErr: (text: string) => void = (text) => cli.terminal.err.write(text),
): Command {
  const { out } = cli.terminal;
  const program = addGlobalOptions(new Command('varve'))
    .description('Live snapshots and rollback of the system disks of qemu/kvm instances.')
    .exitOverride()
    .configureOutput({ writeOut: (text) => out.write(text), writeErr })
    .showHelpAfterError('(see --help)')
    .addHelpText('after', EXIT_CODES_HELP);

  addOverview(program, cli);
  addTop(program, cli);

  const instance = program.command('instance').description('look at instances');
  addInstanceList(instance, cli);
  addInstanceShow(instance, cli);
  addInstanceChain(instance, cli);

  const snapshot = program.command('snapshot').description('take, look at and delete snapshots');
  addSnapshotCreate(snapshot, cli);
  addSnapshotEstimate(snapshot, cli);
  addSnapshotList(snapshot, cli);
  addSnapshotShow(snapshot, cli);
  addSnapshotDelete(snapshot, cli);

  const restorePoint = program.command('restore-point').description('what an instance can go back to');
  addRestorePointList(restorePoint, cli);
  addRestorePointTimeline(restorePoint, cli);

  const rollback = addRollback(program, cli);
  addRollbackPlan(rollback, cli);
  addRollbackUndo(rollback, cli);
  addRollbackKeep(rollback, cli);
  addRollbackList(rollback, cli);
  addRollbackShow(rollback, cli);

  addExport(program, cli);
  addSettle(program, cli);
  addRepair(program, cli);

  const operation = program.command('operation').description('follow and cancel what runs');
  addOperationList(operation, cli);
  addOperationShow(operation, cli);
  addOperationWatch(operation, cli);
  addOperationSteps(operation, cli);
  addOperationCancel(operation, cli);

  addEvents(program, cli);

  const host = program.command('host').description('look at the hypervisor hosts');
  addHostList(host, cli);

  const audit = program.command('audit').description('who did what');
  addAuditList(audit, cli);
  addLogin(program, cli);
  addWhoami(program, cli);

  addDoctor(program, cli);
  addCompletion(program, cli);
  return program;
}

/** @param args - without the program's own name */
export async function run(args: readonly string[], cli: Cli): Promise<ExitCode> {
  const json = args.includes('--json');
  // Commander's own words about a wrong command line are for people; a program gets them as JSON, from `report`.
  const program = json ? programOf(cli, () => undefined) : programOf(cli);
  try {
    await program.parseAsync(args, { from: 'user' });
    return ExitCode.ok;
  } catch (error) {
    // Commander's help is no error.
    if (error instanceof CommanderError && error.exitCode === 0) return ExitCode.ok;
    report(error, cli, json);
    return exitCodeOf(error);
  }
}

function report(error: unknown, cli: Cli, json: boolean): void {
  if (json) {
    cli.terminal.err.write(`${JSON.stringify({ error: asJson(error) })}\n`);
    return;
  }
  // Commander has told already, and whoever pressed Ctrl-C knows.
  if (error instanceof CommanderError || error instanceof InterruptedError) return;
  const known =
    error instanceof ServiceError || error instanceof UsageError || error instanceof OperationEndedBadlyError;
  note(cli, `varve: ${known ? error.message : `a fault of this program: ${stackOf(error)}`}`);
  const problem = problemIn(error);
  // Whoever cancelled an operation needs no advice.
  if (problem === null || problem.code === 'cancelled') return;
  const request = error instanceof ApiError && error.requestId !== null ? `, request ${error.requestId}` : '';
  note(cli, `       ${adviceOf(problem.remedy)} (${problem.code}${request})`);
}

function asJson(error: unknown): Record<string, unknown> {
  const message = messageOf(error);
  const problem = problemIn(error);
  if (problem === null) return { code: codeOf(error), message };
  const { code, remedy, facts } = problem;
  const told = { code, remedy, message, facts };
  if (error instanceof OperationEndedBadlyError) return { ...told, operationId: error.operation?.id };
  return error instanceof ApiError ? { ...told, status: error.status, requestId: error.requestId } : told;
}

/** The error's own, or that of the operation that it tells of; `null`: it is an error of this command line alone. */
function problemIn(error: unknown): Pick<Problem, 'code' | 'remedy' | 'facts'> | null {
  if (error instanceof ServiceError) return error;
  return error instanceof OperationEndedBadlyError ? (error.operation?.problem ?? null) : null;
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (!(error instanceof CommanderError)) return error.message;
  // All that it says of a command that needs one of its subcommands is its help.
  return error.code === 'commander.help' ? 'A command is missing; see --help' : error.message.replace(/^error: /, '');
}

/** Of what is no {@link ServiceError}: part of the command's interface, as those are of the API's. */
function codeOf(error: unknown): string {
  if (error instanceof UsageError || error instanceof CommanderError) return 'usage';
  if (error instanceof OperationEndedBadlyError) return 'operation_failed';
  return error instanceof InterruptedError ? 'interrupted' : 'internal';
}

const stackOf = (error: unknown): string => (error instanceof Error ? (error.stack ?? error.message) : String(error));
