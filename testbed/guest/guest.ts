// The proving guest: a small Linux under QEMU that writes blocks which name their write, and knows when one is wrong.
//
//   const guest = await ProvingGuest.create({ instances: '/var/tmp/x/instances' });
//   await guest.boot();
//   await guest.load();                                  // writes until `stop`
//   const before = (await guest.stat()).acked;
//   ... take a snapshot ...
//   const after = (await guest.stat()).op;
//   expect(await guest.verify()).toMatchObject({ damaged: 0, wrong: 0 });          // live, under load
//   expect(await guest.check(sealedLayer, { acked: before, upto: after })).toMatchObject({ good: true });     // cold
//
//   guest.announceRollback({ acked: before, upto: after });
//   ... roll back; somebody else restarts QEMU ...
//   expect(await guest.state()).toMatchObject({ good: true });                     // the guest's own reading
//
// A boot that finds flushed writes missing, without an announced rollback, makes every later verdict bad.
import { spawn } from 'node:child_process';
import { appendFileSync, closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { commandLineOf, hasEnded, startTimeOf } from '../services/process-table.ts';
import { until } from '../services/until.ts';
import { GuestControl, valuesIn } from './control.ts';
import { guestImage, type GuestImage } from './image.ts';
import { layOut, type GuestFiles, type GuestOptions } from './layout.ts';
import { checkImage, patio, type CheckOptions, type Verdict } from './patio.ts';
import { qmp } from './qmp.ts';

export interface GuestStat {
  /** The first operation of this boot. */
  readonly boot: number;
  /** The last operation written, and the last that a completed flush covers. */
  readonly op: number;
  readonly acked: number;
  /** The slowest write with its flush since the last {@link ProvingGuest.reset}; microseconds. */
  readonly maxUs: number;
  readonly errors: number;
  readonly running: boolean;
}

/** What the guest saw when it read its disk. */
export interface GuestView {
  /** Torn, foreign or misplaced blocks. */
  readonly damaged: number;
  /** Sound blocks that aren't what was last written there, or what this boot saw there before. */
  readonly wrong: number;
  readonly zero: number;
  readonly maxOp: number;
  readonly sum: string;
}

export interface Load {
  readonly start?: number;
  /** In blocks, from `start`. */
  readonly span?: number;
  readonly order?: 'seq' | 'rand';
  /** Flush after so many writes; 0: only at the end. */
  readonly flushEvery?: number;
  /** 0: as fast as it goes. */
  readonly perSecond?: number;
}

export class ProvingGuest {
  readonly files: GuestFiles;
  private readonly image: GuestImage;
  private readonly control: GuestControl;
  private readonly areaBlocks: number;

  private constructor(image: GuestImage, files: GuestFiles, areaBlocks: number) {
    this.image = image;
    this.files = files;
    this.areaBlocks = areaBlocks;
    this.control = new GuestControl(files.control);
  }

  /** Makes the instance directory; builds the guest first when this machine has not got it. */
  static create(options: GuestOptions): Promise<ProvingGuest> {
    const image = guestImage();
    return Promise.resolve(new ProvingGuest(image, layOut(image, options), options.areaBlocks ?? 65_536));
  }

  get id(): string {
    return this.files.id;
  }

  /** Starts QEMU, which ends with this process, and returns when the guest answers: about 2 s. */
  async boot(): Promise<void> {
    if (this.isAlive()) throw new Error(`${this.id} runs already`);
    const log = openSync(join(this.files.dir, 'qemu.log'), 'a');
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', ...this.files.start], {
      stdio: ['ignore', log, log],
      detached: true,
    });
    closeSync(log);
    child.unref();
    await until(
      'QEMU runs or has ended',
      () => this.isAlive() || child.exitCode !== null || child.signalCode !== null,
      { everyMs: 10 },
    );
    if (!this.isAlive())
      throw new Error(`QEMU did not start: ${readFileSync(join(this.files.dir, 'qemu.log'), 'utf8')}`);
    await this.waitReady();
  }

  /** For a QEMU that somebody else starts: returns when its guest answers. */
  async waitReady(deadlineMs = 120_000): Promise<void> {
    await this.control.ask('ping', deadlineMs);
  }

  /** The QEMU process of this instance, whoever started it; `null` when there is none. */
  pid(): number | null {
    if (!existsSync(this.files.pidFile)) return null;
    const pid = Number.parseInt(readFileSync(this.files.pidFile, 'utf8'), 10);
    return Number.isInteger(pid) && commandLineOf(pid).includes(this.files.pidFile) ? pid : null;
  }

  isAlive(): boolean {
    return this.pid() !== null;
  }

  /** Any command that the head of src/guest.c lists. */
  ask(command: string, deadlineMs?: number): Promise<string> {
    return this.control.ask(command, deadlineMs);
  }

  async stat(): Promise<GuestStat> {
    return statIn(await this.ask('stat'));
  }

  /** The stat so far, and a new beginning for `maxUs`. */
  async reset(): Promise<GuestStat> {
    return statIn(await this.ask('reset'));
  }

  /** The last operation written. */
  async ops(): Promise<number> {
    return (await this.stat()).op;
  }

  /** Begins to write in the background. */
  async load({
    start = 0,
    span = this.areaBlocks - start,
    order = 'rand',
    flushEvery = 1,
    perSecond = 0,
  }: Load = {}): Promise<void> {
    await this.ask(`load ${start} ${span} ${order} ${flushEvery} ${perSecond}`);
  }

  /** Ends that, with a flush. */
  async stop(): Promise<GuestStat> {
    return statIn(await this.ask('stop'));
  }

  /** Writes so many blocks, flushed at the end at the latest, and returns when done. */
  async write(
    count: number,
    { start = 0, span = this.areaBlocks - start, order = 'rand', flushEvery = 0 }: Load = {},
  ): Promise<GuestStat> {
    return statIn(await this.ask(`write ${count} ${start} ${span} ${order} ${flushEvery}`, 600_000));
  }

  /** Has the guest read the whole area (or a part) and compare it with what it knows; also under load. */
  async verify(start = 0, count = this.areaBlocks): Promise<GuestView> {
    return viewIn(await this.ask(`verify ${start} ${count}`, 300_000));
  }

  /** Has the guest read its disk and finds the state that this equals. Only while nothing writes. */
  async state(): Promise<Verdict & GuestView> {
    const view = await this.verify();
    const verdict = await patio(this.image.patio, [
      'find',
      '--journal',
      this.files.console,
      '--sum',
      view.sum,
      '--max-op',
      String(view.maxOp),
    ]);
    const { op, text } = verdict;
    return { ...view, op, text, good: verdict.good && view.damaged === 0 && view.wrong === 0 };
  }

  /** The sum that {@link verify} must give right after operation `op`. */
  async expectedSum(op: number): Promise<string> {
    const answer = await patio(this.image.patio, ['expect', '--journal', this.files.console, '--upto', String(op)]);
    if (!answer.good) throw new Error(answer.text);
    return String(answer.values['sum']);
  }

  /** Checks an image on the host, with all that it stands on: a layer, or by default `disk` (then nothing may write). */
  check(image: string = this.files.disk, options: CheckOptions = {}): Promise<Verdict> {
    return checkImage(this.image.patio, this.files.console, image, options);
  }

  /**
   * Says to the journal that the next boot is meant to find an earlier state: one that holds `acked` and nothing
   * after `upto`. Without this, a boot that lacks flushed writes of the one before is a fault.
   */
  announceRollback({ acked, upto }: { acked: number; upto: number }): void {
    appendFileSync(this.files.console, `\nR ${acked} ${upto};\n`);
  }

  /** The announced rollback isn't going to happen after all. */
  cancelRollback(): void {
    appendFileSync(this.files.console, '\nN;\n');
  }

  /** Through the second QMP socket, which the product doesn't know. */
  qmp(execute: string, args?: Record<string, unknown>): Promise<unknown> {
    return qmp(this.files.qmpForTests, execute, args);
  }

  /**
   * Runs a shell command in the guest; new lines in its output come as `|`. For a file system of its own:
   * `/sbin/mke2fs -q -t ext4 /dev/vda1` (busybox's shell prefers its own programs to those on the PATH).
   */
  async shell(command: string, deadlineMs?: number): Promise<{ status: number; output: string }> {
    const answer = await this.ask(`sh ${command}`, deadlineMs);
    const [, status, output = ''] = /^rc=(-?\d+) ?(.*)$/s.exec(answer) ?? [];
    return { status: Number(status), output };
  }

  /** Has the guest shut down in order; returns when QEMU is gone. */
  async powerOff(): Promise<void> {
    const isGone = this.endOfQemu();
    await this.ask('poweroff');
    await this.waitGone(isGone);
  }

  /** kill -9 of QEMU, whoever started it; returns when it is gone. Nothing to do when there is none. */
  async kill9(): Promise<void> {
    const pid = this.pid();
    if (pid === null) return;
    const isGone = this.endOfQemu();
    process.kill(pid, 'SIGKILL');
    await this.waitGone(isGone);
  }

  /** Returns when the QEMU that there is now has ended and closed its files. */
  async waitGone(isGone = this.endOfQemu()): Promise<void> {
    await until(`${this.id}'s QEMU is gone`, isGone, { deadlineMs: 120_000, everyMs: 10 });
    this.control.close();
  }

  /** To be asked for while it runs: a dying one has no command line to be found by. */
  private endOfQemu(): () => boolean {
    const pid = this.pid();
    const startTime = pid === null ? null : startTimeOf(pid);
    return () => pid === null || hasEnded(pid, startTime);
  }

  /** For a test's end: no QEMU and no connection left; the directory stays. */
  async dispose(): Promise<void> {
    await this.kill9();
    this.control.close();
  }
}

export function viewIn(answer: string): GuestView {
  const seen = valuesIn(answer);
  return {
    damaged: Number(seen['damaged']),
    wrong: Number(seen['wrong']),
    zero: Number(seen['zero']),
    maxOp: Number(seen['max_op']),
    sum: String(seen['sum']),
  };
}

export function statIn(answer: string): GuestStat {
  const values = valuesIn(answer);
  return {
    boot: Number(values['boot']),
    op: Number(values['op']),
    acked: Number(values['acked']),
    maxUs: Number(values['max_us']),
    errors: Number(values['errors']),
    running: values['running'] === '1',
  };
}
