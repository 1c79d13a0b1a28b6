// What all embedded services have in common: prepare the folder once, start the processes, wait until they answer.
import type { Daemon } from './daemon.ts';
import { until } from './until.ts';

/** A service that a test or the demo can take away and bring back: same port, same data. */
export interface ServiceControl {
  /** Ends it in an orderly way. */
  stop(): Promise<void>;
  /** Starts it again and returns when it answers. Nothing to do when it runs. */
  start(): Promise<void>;
  /** kill -9. */
  kill(): Promise<void>;
  /** It keeps its connections and accepts new ones, but never answers (SIGSTOP). */
  suspend(): void;
  resume(): void;
}

export class Service implements ServiceControl {
  readonly name: string;
  private readonly daemons: readonly Daemon[];
  private readonly isReady: () => Promise<boolean>;

  /** @param daemons - in the order in which to start them; stopped the other way round */
  constructor(name: string, daemons: readonly Daemon[], isReady: () => Promise<boolean>) {
    this.name = name;
    this.daemons = daemons;
    this.isReady = isReady;
  }

  get pids(): number[] {
    return this.daemons.flatMap((daemon) => daemon.pid ?? []);
  }

  async start(): Promise<void> {
    for (const daemon of this.daemons) daemon.start();
    let ended = null as Error | null;
    await until(
      `${this.name} answers`,
      async () => {
        try {
          for (const daemon of this.daemons) daemon.assertRunning();
        } catch (error) {
          ended = error as Error;
          return true;
        }
        return this.isReady();
      },
      { deadlineMs: 150_000 },
    );
    if (!ended) return;
    await this.stop();
    throw ended;
  }

  async stop(): Promise<void> {
    for (const daemon of [...this.daemons].reverse()) await daemon.stop();
  }

  async kill(): Promise<void> {
    await Promise.all(this.daemons.map((daemon) => daemon.kill()));
  }

  suspend(): void {
    for (const daemon of this.daemons) daemon.signal('SIGSTOP');
  }

  resume(): void {
    for (const daemon of this.daemons) daemon.signal('SIGCONT');
  }
}
