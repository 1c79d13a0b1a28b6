// The guest's journal under Nova: libvirt begins the console's log anew at every start of the domain, and the checker
// needs all boots. So the log is copied as it grows.
import { appendFileSync, closeSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import { until } from '../services/until.ts';

const EVERY_MS = 50;

export class ConsoleJournal {
  /** What the checker reads. */
  readonly file: string;
  private readonly console: string;
  private readonly timer: NodeJS.Timeout;
  private inode = 0;
  private offset = 0;
  private toSkip = 0;
  private skipping = false;

  /** @param seeded - the journal of the blocks that the image comes with */
  constructor(console: string, file: string, seeded: string) {
    this.console = console;
    this.file = file;
    appendFileSync(file, readFileSync(seeded));
    this.timer = setInterval(() => this.copy(), EVERY_MS);
  }

  /** Everything so far. */
  text(): string {
    this.copy();
    return readFileSync(this.file, 'utf8');
  }

  /** The next boot is of another disk, and what it says of no interest. */
  skipNextBoot(): void {
    this.copy();
    this.toSkip++;
  }

  /** Until that boot has said something: what ends before is not seen, and the one after it would be taken for it. */
  async skipsNow(): Promise<void> {
    await until(
      'the boot that is left out says something',
      () => {
        this.copy();
        return this.skipping && this.offset > 0;
      },
      { deadlineMs: 120_000, everyMs: EVERY_MS },
    );
  }

  append(text: string): void {
    this.copy();
    appendFileSync(this.file, `\n${text}\n`);
  }

  /** Until the journal has something new that matches, after `from` characters of it. */
  async waitFor(
    what: Parameters<typeof until>[0],
    pattern: RegExp,
    { from = 0, deadlineMs = 300_000 } = {},
  ): Promise<RegExpExecArray> {
    return until(what, () => pattern.exec(this.text().slice(from)), { deadlineMs, everyMs: EVERY_MS });
  }

  close(): void {
    clearInterval(this.timer);
    this.copy();
  }

  private copy(): void {
    let fd: number;
    try {
      fd = openSync(this.console, 'r');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return; // not started yet, or being moved
      throw error;
    }
    try {
      const { ino, size } = fstatSync(fd);
      if (ino !== this.inode || size < this.offset) {
        // A new boot. What the one before was saying may have been cut short.
        appendFileSync(this.file, '\n');
        this.inode = ino;
        this.offset = 0;
        this.skipping = this.toSkip > 0;
        if (this.skipping) this.toSkip--;
      }
      if (size === this.offset) return;
      const bytes = Buffer.alloc(size - this.offset);
      const read = readSync(fd, bytes, 0, bytes.length, this.offset);
      this.offset += read;
      if (!this.skipping) appendFileSync(this.file, bytes.subarray(0, read));
    } finally {
      closeSync(fd);
    }
  }
}
