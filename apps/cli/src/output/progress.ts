import type { OperationView, Phase } from '@varve/contracts';
import cliProgress from 'cli-progress';
import type { Terminal } from '../terminal.js';
import { duration, size } from './human.js';

/** Shows how an operation goes on. */
export interface Progress {
  show(operation: OperationView): void;
  /** Leaves the terminal as it was found; may be called at any time. */
  end(): void;
}

const WORDS: Readonly<Record<Phase, string>> = {
  queued: 'waiting for the host',
  capturing: 'capturing',
  uploading: 'uploading',
  merging: 'merging layers',
  fetching: 'fetching',
  restoring: 'restoring',
  finishing: 'finishing',
};
const WIDEST = Math.max(...Object.values(WORDS).map((word) => word.length));

export const progressOn = (err: Terminal['err']): Progress => (err.isTTY ? new Bars(err) : new Lines(err));

/** One bar per phase; those of the phases that are over stay where they are. */
class Bars implements Progress {
  #bar: cliProgress.SingleBar | null = null;
  #phase: Phase | null = null;
  #since = 0;

  constructor(private readonly err: Terminal['err']) {}

  show(operation: OperationView): void {
    const { phase, doneBytes, totalBytes, state } = operation;
    if (state === 'succeeded') return this.#finish();
    if (state === 'failed' || state === 'cancelled') return this.end();
    if (phase !== this.#phase) {
      this.#finish();
      this.#phase = phase;
      this.#since = Date.now();
      this.#bar = this.#newBar(phase);
      this.#bar.start(totalBytes, doneBytes);
    }
    this.#bar?.setTotal(totalBytes);
    this.#bar?.update(doneBytes);
  }

  end(): void {
    this.#bar?.stop();
    this.#bar = null;
  }

  /** What comes after a phase says that the phase is complete, whether its last step was heard of or not. */
  #finish(): void {
    this.#bar?.update(this.#bar.getTotal());
    this.end();
  }

  #newBar(phase: Phase): cliProgress.SingleBar {
    const format: cliProgress.GenericFormatter = (_options, { value, total }) =>
      this.#line(phase, value, total, Date.now() - this.#since);
    // Ctrl-C is handled by whoever waits, which ends the bar too.
    return new cliProgress.SingleBar({
      format,
      stream: this.err,
      hideCursor: true,
      gracefulExit: false,
      emptyOnZero: true,
      // Times and rates go on when the bytes don't.
      forceRedraw: true,
    });
  }

  #line(phase: Phase, done: number, total: number, elapsedMs: number): string {
    const word = WORDS[phase].padEnd(WIDEST);
    if (total === 0) return `  ${word}  ${elapsedMs < 1_000 ? '' : duration(Math.floor(elapsedMs / 1_000) * 1_000)}`;
    const share = Math.min(1, done / total);
    const width = Math.max(10, Math.min(40, (this.err.columns ?? 80) - WIDEST - 45));
    const full = Math.round(share * width);
    const rate = elapsedMs > 500 ? `  ${size((done / elapsedMs) * 1000)}/s` : '';
    const percent = `${Math.floor(share * 100)}%`.padStart(4);
    return `  ${word}  [${'='.repeat(full)}${'-'.repeat(width - full)}] ${percent}  ${size(done)} of ${size(total)}${rate}`;
  }
}

/** For log files: a line where a phase begins, and one for each further tenth of it. */
class Lines implements Progress {
  #phase: Phase | null = null;
  #tenth = 0;

  constructor(private readonly err: Terminal['err']) {}

  show({ phase, doneBytes, totalBytes, state }: OperationView): void {
    if (state !== 'queued' && state !== 'running') return;
    const tenth = totalBytes === 0 ? 0 : Math.floor((doneBytes / totalBytes) * 10);
    if (phase === this.#phase && tenth <= this.#tenth) return;
    this.#phase = phase;
    this.#tenth = tenth;
    const share = totalBytes === 0 ? '' : ` ${tenth * 10}% (${size(doneBytes)} of ${size(totalBytes)})`;
    this.err.write(`${WORDS[phase]}${share}\n`);
  }

  end(): void {}
}
