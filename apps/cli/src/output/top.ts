import type { OperationView } from '@varve/contracts';
import { printable } from '../terminal.js';
import type { Paint } from './colours.js';
import { colourOf } from './colours.js';
import { duration, size } from './human.js';
import type { Column } from './table.js';
import { table } from './table.js';

/** How many of those that have ended stay to be read. */
const ENDED = 6;
const BAR = 20;

interface Seen {
  readonly phase: string;
  readonly doneBytes: number;
  readonly atMs: number;
  /** Bytes a second, of late; `null`: nothing moved yet. */
  readonly rate: number | null;
}

/** What `varve top` shows: what runs, how fast and how long still, and how the last ones ended. */
export class Top {
  readonly #seen = new Map<string, Seen>();
  #ended: OperationView[] = [];

  constructor(private readonly paint: Paint) {}

  /** Those that ran before and are not among `running`. */
  missing(running: readonly OperationView[]): string[] {
    const ids = new Set<string>(running.map(({ id }) => id));
    return [...this.#seen.keys()].filter((id) => !ids.has(id));
  }

  frame(
    running: readonly OperationView[],
    { over, more }: { readonly over: readonly OperationView[]; readonly more: boolean },
    nowMs: number,
  ): string {
    for (const id of this.missing(running)) this.#seen.delete(id);
    for (const one of running) this.#seen.set(one.id, this.#observed(one, nowMs));
    this.#ended = [...over, ...this.#ended].slice(0, ENDED);
    const queued = running.filter(({ state }) => state === 'queued').length;
    const counts = `${running.length - queued} running, ${queued} queued${more ? ', and more' : ''}`;
    const head = `${this.paint('bold', 'varve top')}  ${new Date(nowMs).toLocaleTimeString()}  ${counts}  ${this.paint('dim', 'q ends')}`;
    const sections = [
      head,
      running.length === 0 ? 'Nothing runs.' : table(this.#columns(nowMs), running, this.paint).trimEnd(),
    ];
    if (this.#ended.length > 0) sections.push(`Ended\n${this.#ended.map((one) => this.#endOf(one)).join('\n')}`);
    return sections.join('\n\n');
  }

  #observed({ id, phase, doneBytes }: OperationView, atMs: number): Seen {
    const last = this.#seen.get(id);
    if (!last || last.phase !== phase || doneBytes < last.doneBytes) return { phase, doneBytes, atMs, rate: null };
    const seconds = (atMs - last.atMs) / 1000;
    if (seconds <= 0) return last;
    const now = (doneBytes - last.doneBytes) / seconds;
    // Half of what was, half of what is: follows within seconds, and does not jump.
    return { phase, doneBytes, atMs, rate: last.rate === null ? now : (last.rate + now) / 2 };
  }

  #columns(nowMs: number): Column<OperationView>[] {
    const rateOf = ({ id }: OperationView): number => this.#seen.get(id)?.rate ?? 0;
    return [
      { title: 'INSTANCE', value: nameOf },
      { title: 'KIND', value: ({ kind }) => kind },
      { title: 'PHASE', value: ({ state, phase }) => (state === 'queued' ? 'queued' : phase), colour: () => 'cyan' },
      { title: '', value: barOf },
      { title: 'DONE', value: shareOf, right: true },
      { title: 'OF', value: ({ totalBytes }) => (totalBytes === 0 ? '' : size(totalBytes)), right: true },
      { title: 'RATE', value: (one) => (rateOf(one) === 0 ? '' : `${size(Math.round(rateOf(one)))}/s`), right: true },
      {
        title: 'LEFT',
        value: (one) =>
          rateOf(one) === 0 || one.totalBytes === 0
            ? ''
            : duration(Math.ceil((one.totalBytes - one.doneBytes) / rateOf(one)) * 1000),
        right: true,
      },
      { title: 'FOR', value: ({ startedAt, createdAt }) => sinceOf(startedAt ?? createdAt, nowMs), right: true },
      { title: 'HOST', value: ({ host }) => host ?? '' },
      { title: 'OPERATION', value: ({ id }) => id },
    ];
  }

  #endOf(one: OperationView): string {
    const problem = one.problem ? `  ${printable(one.problem.message)} (${one.problem.code})` : '';
    const state = this.paint(colourOf(one.state), one.state);
    return `  ${state}  ${one.kind} of ${printable(nameOf(one))}${problem}  ${this.paint('dim', one.id)}`;
  }
}

const nameOf = ({ instanceName, instanceId }: OperationView): string => instanceName ?? instanceId;

const doneOf = ({ doneBytes, totalBytes }: OperationView): number | null =>
  totalBytes === 0 ? null : Math.min(1, doneBytes / totalBytes);

const shareOf = (one: OperationView): string => {
  const done = doneOf(one);
  return done === null ? '' : `${Math.floor(done * 100)}%`;
};

function barOf(one: OperationView): string {
  const done = doneOf(one);
  if (done === null) return '';
  const full = Math.round(done * BAR);
  return `[${'='.repeat(full)}${'-'.repeat(BAR - full)}]`;
}

/** To the second, so that it does not flicker. */
const sinceOf = (at: string, nowMs: number): string =>
  duration(Math.max(0, Math.floor((nowMs - Date.parse(at)) / 1000)) * 1000);
