import type { OnApplicationShutdown } from '@nestjs/common';
import { Inject, Injectable } from '@nestjs/common';
import { Catalog, operationView } from '@varve/catalog';
import type { Log } from '@varve/catalog';
import type { OperationView } from '@varve/contracts';
import type { OperationId } from '@varve/core';
import {
  catchError,
  distinctUntilChanged,
  EMPTY,
  exhaustMap,
  filter,
  finalize,
  from,
  interval,
  merge,
  Observable,
  startWith,
  Subject,
  takeUntil,
  takeWhile,
  throttleTime,
} from 'rxjs';
import { Changes } from '../events/changes.js';
import { Metrics } from '../system/metrics.js';
import { LOG } from '../tokens.js';

/** At most so many views of one operation a second go out to one watcher. */
const SHORTEST_MS = 100;
/** Should a notification ever be missed, this is how late the change is seen. */
const LOOK_EVERY_MS = 5_000;

/**
 * Live views of operations. Whoever changes an operation's row makes the database tell; the view is then read from that
 * very row, so that progress and state can't contradict each other.
 */
@Injectable()
export class OperationFeed implements OnApplicationShutdown {
  private readonly stopped = new Subject<void>();

  constructor(
    private readonly catalog: Catalog,
    private readonly rows: Changes,
    private readonly metrics: Metrics,
    @Inject(LOG) private readonly log: Log,
  ) {}

  onApplicationShutdown(): void {
    this.stopped.next();
  }

  /** The view now, then each that differs from the one before; ends with the final one. */
  watch(id: OperationId): Observable<OperationView> {
    const changes = merge(this.rows.operations.pipe(filter((which) => which === id)), this.rows.missed);
    return new Observable<OperationView>((subscriber) => {
      this.metrics.watchers.inc();
      return merge(changes, interval(LOOK_EVERY_MS))
        .pipe(
          startWith(null),
          throttleTime(SHORTEST_MS, undefined, { leading: true, trailing: true }),
          lookAgainAfterEach(() => this.look(id)),
          distinctUntilChanged((a, b) => JSON.stringify(a) === JSON.stringify(b)),
          takeWhile(({ finishedAt }) => finishedAt === null, true),
          takeUntil(this.stopped),
          finalize(() => this.metrics.watchers.dec()),
        )
        .subscribe(subscriber);
    });
  }

  /** While the database is away there is nothing to tell; the next look comes. */
  private look(id: OperationId): Observable<OperationView> {
    const found = this.catalog.read(async (tx) => {
      const operation = await tx.operations.find(id);
      return operation ? [operationView(operation)] : [];
    });
    return from(found).pipe(
      exhaustMap((views) => from(views)),
      catchError((error: unknown) => {
        this.log.debug({ err: error, operation: id }, 'an operation could not be looked at');
        return EMPTY;
      }),
    );
  }
}

/** One look at a time; a change during a look makes one more after it, however many changes there were. */
function lookAgainAfterEach<T>(look: () => Observable<T>) {
  return (changes: Observable<unknown>): Observable<T> =>
    new Observable<T>((subscriber) => {
      let looking = false;
      let again = false;
      const run = (): void => {
        looking = true;
        subscriber.add(
          look().subscribe({
            next: (view) => subscriber.next(view),
            error: (error: unknown) => subscriber.error(error),
            complete: () => {
              looking = false;
              if (again && !subscriber.closed) {
                again = false;
                run();
              }
            },
          }),
        );
      };
      return changes.subscribe({
        next: () => (looking ? (again = true) : run()),
        error: (error: unknown) => subscriber.error(error),
        complete: () => subscriber.complete(),
      });
    });
}
