// The proving guest as a server of the cloud. It writes from its first second; nobody but Nova and libvirt starts it.
//
//   const server = await cloud.boot({ name: 'web-1' });
//   expect(await server.verify()).toMatchObject({ damaged: 0, wrong: 0 });     // the guest's own reading, under load
//   const { acked } = await server.stat();
//   await server.stop();
//   expect(await server.check({ acked })).toMatchObject({ good: true });       // the disk on the host, with its chain
//   await server.start();                                                      // returns when the guest writes again
//
// Commands reach the guest through its agent, and answers come on the console. libvirt notes the domain as tainted by
// that ("custom-ga-command"), which neither Nova nor libvirt minds.
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { statIn, viewIn, type GuestStat, type GuestView } from '../guest/guest.ts';
import { guestImage } from '../guest/image.ts';
import { patio, type CheckOptions, type Verdict } from '../guest/patio.ts';
import { until } from '../services/until.ts';
import type { ConsoleJournal } from './console-journal.ts';
import { AREA_BLOCKS, AREA_OFFSET, LOAD } from './guest-disk.ts';
import { virsh } from './libvirt.ts';
import { seenOf } from './seen-of.ts';
import { act, waitForStatus, type Server } from './servers.ts';
import type { Session } from './session.ts';

const run = promisify(execFile);

export class ProvingServer {
  readonly id: string;
  /** The instance directory on the host. */
  readonly dir: string;
  private readonly owner: Session;
  private readonly journal: ConsoleJournal;
  readonly logs: string;
  private lastCommand = 0;

  /** @param logs - the folder of the cloud's logs */
  constructor(id: string, dir: string, owner: Session, journal: ConsoleJournal, logs: string) {
    this.id = id;
    this.dir = dir;
    this.owner = owner;
    this.journal = journal;
    this.logs = logs;
  }

  get disk(): string {
    return join(this.dir, 'disk');
  }

  waitFor(status: string, options?: { deadlineMs?: number }): Promise<Server> {
    return waitForStatus(this.owner, this.id, status, options);
  }

  /** Any action of Nova's API, `{ pause: null }`; returns when it is accepted. */
  act(action: Record<string, unknown>): Promise<Record<string, unknown>> {
    return act(this.owner, this.id, action);
  }

  /** Does `action`, and returns when Nova says ACTIVE and the guest has booted anew and writes. */
  async reboots(action: Record<string, unknown>): Promise<void> {
    const from = this.journal.text().length;
    await this.act(action);
    await this.booted(from);
    await this.waitFor('ACTIVE');
  }

  /** Until a boot that the journal tells of after its first `from` characters writes. */
  async booted(from = 0): Promise<void> {
    const what = async (): Promise<string> => `${this.id} has booted; ${await this.seen()}`;
    await this.journal.waitFor(what, /^READY\s*\n/m, { from, deadlineMs: 300_000 });
  }

  /** For errors: what has become of it. */
  seen(): Promise<string> {
    return seenOf(this.owner, this.id, this);
  }

  /** Where the journal ends now, for {@link booted}. */
  mark(): number {
    return this.journal.text().length;
  }

  start = (): Promise<void> => this.reboots({ 'os-start': null });
  rebootSoft = (): Promise<void> => this.reboots({ reboot: { type: 'SOFT' } });
  rebootHard = (): Promise<void> => this.reboots({ reboot: { type: 'HARD' } });

  /** Through Nova, so the guest is asked first. */
  async stop(): Promise<void> {
    await this.act({ 'os-stop': null });
    await this.waitFor('SHUTOFF');
  }

  /** A command as at the head of testbed/guest/src/guest.c; gives the answer without its leading `ok`. */
  async ask(command: string, deadlineMs = 300_000): Promise<string> {
    const id = ++this.lastCommand;
    const from = this.mark();
    const line = `echo ${id} ${command} > /run/control`;
    const request = { execute: 'guest-exec', arguments: { path: '/bin/sh', arg: ['-c', line] } };
    // Not there for the first seconds of a boot, nor while libvirt speaks to it for others.
    await until(
      `the agent of ${this.id} answers`,
      () => virsh('qemu-agent-command', this.id, JSON.stringify(request)),
      {
        deadlineMs: 60_000,
        everyMs: 250,
      },
    );
    const answer = new RegExp(`^${id} (ok|err) (.*)\\r?\\n`, 'm');
    const [, verdict, text = ''] = await this.journal.waitFor(`an answer to "${command}"`, answer, {
      from,
      deadlineMs,
    });
    if (verdict !== 'ok') throw new Error(`the guest answered "${text}" to "${command}"`);
    return text.trimEnd();
  }

  /** What libvirt says; `null` when it knows no such domain. */
  async power(): Promise<string | null> {
    const known = (await virsh('list', '--all', '--uuid')).split(/\s+/).includes(this.id);
    return known ? virsh('domstate', this.id) : null;
  }

  async stat(): Promise<GuestStat> {
    return statIn(await this.ask('stat'));
  }

  /** The last operation that the console has told to be flushed: at most a second old, and costs nothing. */
  acked(): number {
    const told = this.journal.text().matchAll(/^A (\d+);/gm);
    return Math.max(0, ...[...told].map(([, op]) => Number(op)));
  }

  /** Until the guest has written and flushed at least so many more operations. */
  async wrote(operations = 100): Promise<void> {
    const goal = this.acked() + operations;
    const seen = async (): Promise<string> => {
      const stat = await this.ask('stat', 30_000).catch(String);
      return `${this.id} has written up to ${goal}; it says ${stat}, and last ${this.journal.text().slice(-500)}`;
    };
    await until(seen, () => this.acked() >= goal, { deadlineMs: 300_000 });
  }

  /** Has the guest read its whole area and compare it with what it knows; also under load. */
  async verify(): Promise<GuestView> {
    return viewIn(await this.ask('verify'));
  }

  /** Begins to write again after {@link state} has ended it. */
  async load(): Promise<void> {
    await this.ask(`load ${LOAD.replaceAll(',', ' ')}`);
  }

  /** Ends the writing until the next boot, has the guest read its disk, and finds the state that this equals. */
  async state(): Promise<Verdict & GuestView> {
    await this.ask('stop');
    const view = await this.verify();
    const args = ['--journal', this.journal.file, '--sum', view.sum, '--max-op', String(view.maxOp)];
    const { op, text, good } = await patio(guestImage().patio, ['find', ...args]);
    return { ...view, op, text, good: good && view.damaged === 0 && view.wrong === 0 };
  }

  /** Checks an image on the host with all that it stands on: a sealed layer, or by default the disk of a stopped server. */
  async check(options: CheckOptions = {}, image: string = this.disk): Promise<Verdict> {
    const work = await mkdtemp('/var/tmp/varve-check-');
    try {
      const area = join(work, 'area');
      const file = { driver: options.format ?? 'qcow2', file: { driver: 'file', filename: image } };
      const source = { driver: 'raw', offset: AREA_OFFSET, size: AREA_BLOCKS * 4096, file };
      await run('qemu-img', ['convert', '-U', '-O', 'raw', `json:${JSON.stringify(source)}`, area]);
      const limits = [
        ...(options.acked === undefined ? [] : ['--acked', `${options.acked}`]),
        ...(options.upto === undefined ? [] : ['--upto', `${options.upto}`]),
      ];
      this.journal.text();
      const args = ['check', '--journal', this.journal.file, '--raw', area, ...limits];
      const { good, op, text } = await patio(guestImage().patio, args);
      return { good, op, text };
    } finally {
      await rm(work, { recursive: true });
    }
  }

  /** Until Nova has it in RESCUE. What the rescue system writes and says is left out of the judgement. */
  async rescue(): Promise<void> {
    this.journal.skipNextBoot();
    await this.act({ rescue: {} });
    await this.waitFor('RESCUE');
    await this.journal.skipsNow();
  }

  /** As {@link ProvingGuest.announceRollback}. */
  announceRollback({ acked, upto }: { acked: number; upto: number }): void {
    this.journal.append(`R ${acked} ${upto};`);
  }

  /** The journal for another server that begins with this one's disk as it was at a moment; gives its file. */
  historyUntil({ acked, upto }: { acked: number; upto: number }): string {
    const file = `${this.journal.file}.until-${upto}`;
    writeFileSync(file, `${this.journal.text()}\nR ${acked} ${upto};\n`);
    return file;
  }

  /** The announced rollback isn't going to happen after all. */
  cancelRollback(): void {
    this.journal.append('N;');
  }

  /** The names of the chain's files, from `disk` down to the base image. */
  async chain(): Promise<string[]> {
    const { stdout } = await run('qemu-img', [
      'info',
      '-U',
      '--backing-chain',
      '--output=json',
      '-f',
      'qcow2',
      this.disk,
    ]);
    return (JSON.parse(stdout) as { filename: string }[]).map(({ filename }) => filename);
  }

  close(): void {
    this.journal.close();
  }
}
