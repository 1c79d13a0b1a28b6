import { Controller, Inject, Query, Req, Sse } from '@nestjs/common';
import type { MessageEvent } from '@nestjs/common';
import { ApiResponse } from '@nestjs/swagger';
import { Catalog } from '@varve/catalog';
import { EventsQuery } from '@varve/contracts';
import { ServiceError } from '@varve/core';
import { IDENTITY } from '@varve/ports';
import type { Identity } from '@varve/ports';
import { exhaustMap, filter, interval, map, merge, share, takeUntil } from 'rxjs';
import type { Observable } from 'rxjs';
import { Tagged } from '../http/answers.js';
import { CurrentCaller, scopeOf, visible } from '../http/caller.js';
import type { Caller, CallerRequest } from '../http/caller.js';
import { tokenOf } from '../http/principal.guard.js';
import { LiveFeed } from './live-feed.js';

/** Shorter than what proxies take for an idle connection. */
const HEARTBEAT_MS = 15_000;

@Tagged('events')
@Controller('v1/events')
export class EventsController {
  constructor(
    private readonly catalog: Catalog,
    private readonly feed: LiveFeed,
    @Inject(IDENTITY) private readonly identity: Identity,
  ) {}

  /**
   * Whatever changes of what one may see. `ready` comes first, and again whenever something may have been missed: ask
   * for what you show. A change of an operation is told with its view, of an instance with its id, of a chain with the
   * chain. Comments keep the connection alive; it ends when the token no longer counts or has other roles.
   */
  @Sse()
  @ApiResponse({
    status: 200,
    description:
      'Server-sent events named `ready`, `operation` (an Operation), `instance` (an InstanceHint), `chain` (a Chain)',
    content: { 'text/event-stream': { schema: { $ref: '#/components/schemas/Operation' } } },
  })
  async stream(
    @CurrentCaller() caller: Caller,
    @Req() request: CallerRequest,
    @Query({ schema: EventsQuery }) { instanceId }: EventsQuery,
  ): Promise<Observable<MessageEvent>> {
    if (instanceId !== undefined) {
      visible(caller, 'instance', instanceId, await this.catalog.read((tx) => tx.instances.find(instanceId)));
    }
    const token = tokenOf(request);
    const beats = interval(HEARTBEAT_MS).pipe(
      exhaustMap(() => this.isStillGood(caller, token)),
      share(),
    );
    const over = beats.pipe(filter((isGood) => !isGood));
    return merge(
      this.feed.watch({ project: scopeOf(caller), instance: instanceId }),
      beats.pipe(map((): MessageEvent => ({ comment: 'alive' }))),
    ).pipe(takeUntil(over));
  }

  /** A stream may outlive its token. Where nobody can say, it goes on. */
  private async isStillGood({ principal }: Caller, token: string | null): Promise<boolean> {
    try {
      const now = token === null ? null : await this.identity.authenticate(token);
      return now !== null && now.projectId === principal.projectId && now.roles.join() === principal.roles.join();
    } catch (error) {
      return error instanceof ServiceError && error.remedy === 'retry';
    }
  }
}
