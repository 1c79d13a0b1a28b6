import { Controller, Get, Header, HttpException } from '@nestjs/common';
import { Catalog } from '@varve/catalog';
import { Broker } from '@varve/messaging';
import { Metrics } from './metrics.js';

/** For those who run it. */
@Controller()
export class SystemController {
  constructor(
    private readonly catalog: Catalog,
    private readonly broker: Broker,
    private readonly metrics: Metrics,
  ) {}

  /** The process lives; whether it can work is for `readyz` to say. */
  @Get('healthz')
  healthz(): { status: 'ok' } {
    return { status: 'ok' };
  }

  @Get('readyz')
  async readyz(): Promise<{ database: 'ok' | 'away'; broker: 'ok' | 'away' }> {
    const database = await this.catalog.ping().then(
      () => 'ok' as const,
      () => 'away' as const,
    );
    const broker = this.broker.connectedSince ? 'ok' : 'away';
    if (database !== 'ok' || broker !== 'ok') throw new HttpException({ database, broker }, 503);
    return { database, broker };
  }

  @Get('metrics')
  @Header('content-type', 'text/plain; version=0.0.4; charset=utf-8')
  prometheus(): Promise<string> {
    return this.metrics.registry.metrics();
  }
}
