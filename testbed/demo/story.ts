// How the demo talks: chapters, things that take a while, and checks that hold or don't.
const colour = process.stdout.isTTY && !process.env['NO_COLOR'];
const paint = (code: number, text: string): string => (colour ? `\u001b[${code}m${text}\u001b[0m` : text);
const bold = (text: string): string => paint(1, text);
const green = (text: string): string => paint(32, text);
const red = (text: string): string => paint(31, text);
const dim = (text: string): string => paint(2, text);

export class Story {
  failed = false;
  private chapters = 0;

  chapter(title: string): void {
    this.say(`\n${bold(`${++this.chapters}. ${title}`)}`);
  }

  say(text: string): void {
    process.stdout.write(`${text}\n`);
  }

  /** A command, as a user would type it. */
  command(words: readonly string[]): void {
    this.say(dim(`  $ varve ${words.map((word) => (/\s/.test(word) ? `"${word}"` : word)).join(' ')}`));
  }

  /** Says whether it holds. One that doesn't makes the demo fail at its end. */
  check(what: string, holds: boolean, detail: string): void {
    if (!holds) this.failed = true;
    this.say(`  ${holds ? green('✔') : red('✘')} ${what}: ${detail}`);
  }

  fault(text: string): void {
    this.failed = true;
    this.say(`\n${red('The demo could not go on.')}\n${text}`);
  }

  async timed<T>(what: string, work: () => Promise<T>): Promise<T> {
    const start = performance.now();
    const result = await work();
    this.say(`  ${green('✔')} ${what} ${dim(`(${((performance.now() - start) / 1000).toFixed(1)} s)`)}`);
    return result;
  }

  table(title: string, header: readonly string[], rows: readonly (readonly string[])[]): void {
    const widths = header.map((cell, i) => Math.max(cell.length, ...rows.map((row) => row[i]?.length ?? 0)));
    const line = (cells: readonly string[]): string =>
      cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('   ');
    this.say(`\n${bold(title)}\n  ${dim(line(header))}`);
    for (const row of rows) this.say(`  ${line(row)}`);
  }
}
