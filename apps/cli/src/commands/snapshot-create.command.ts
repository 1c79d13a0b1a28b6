import type { Command } from 'commander';
import { Option } from 'commander';
import { findInstance } from '../find-instance.js';
import { follow, goesOn } from '../follow.js';
import { duration, size } from '../output/human.js';
import { note, print } from '../output/print.js';
import type { Cli } from '../settings.js';
import { open } from '../settings.js';
import { printable } from '../terminal.js';

interface Options {
  readonly name?: string;
  readonly quiesce?: 'none' | 'try' | 'require';
}

export function addSnapshotCreate(parent: Command, cli: Cli): void {
  parent
    .command('create')
    .description('take a snapshot of the system disk; the guest goes on running')
    .argument('<instance>', 'uuid, or name where it is unique')
    .option('--name <name>', 'what to call it')
    .addOption(
      new Option('--quiesce <how>', 'freeze the guest file systems: not, if its agent answers, or else fail').choices([
        'none',
        'try',
        'require',
      ]),
    )
    .option('--no-wait', 'only ask for it')
    .action(async (named: string, { name, quiesce }: Options, command: Command) => {
      const session = open(cli, command);
      const { client, signal } = session;
      const instance = await findInstance(session, named);
      const requested = await client.createSnapshot(instance.id, { name, quiesce }, { signal });
      if (!session.wait) {
        print(session, requested, () => `${requested.uid}\n`);
        return note(session, goesOn(requested.operationId));
      }

      note(session, `Snapshot ${requested.uid} of ${printable(instance.name)}`);
      const operation = await follow(session, requested.operationId);
      const snapshot = await client.snapshot(requested.uid, { signal });
      print(session, snapshot, () => {
        const stall = snapshot.stallMs === null ? '' : `, guest writes waited ${duration(snapshot.stallMs)} at most`;
        const healed = snapshot.healed ? ', with what an earlier one had failed to store' : '';
        const took = Date.parse(operation.finishedAt ?? '') - Date.parse(operation.createdAt);
        return (
          `Snapshot ${snapshot.uid} is ${snapshot.status}: ${size(snapshot.changedBytes)} changed, ` +
          `${size(snapshot.uploadedBytes)} stored, ${snapshot.consistency ?? 'crash'} consistent${stall}${healed}` +
          `${Number.isNaN(took) ? '' : `; took ${duration(took)}`}\n`
        );
      });
    });
}
