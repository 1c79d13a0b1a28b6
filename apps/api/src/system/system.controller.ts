import { Controller, Get, Header } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { Catalog } from '@varve/catalog';
import { Public } from '../http/caller.js';
import { Metrics } from './metrics.js';

/** For those who run it. */
@Public()
@ApiExcludeController()
@Controller()
export class SystemController {
  constructor(
    private readonly catalog: Catalog,
    private readonly metrics: Metrics,
  ) {}

  /** The process lives. Says nothing about the database: restarting us would not bring that back. */
  @Get('healthz')
  healthz(): { status: 'ok' } {
    return { status: 'ok' };
  }

  /** Requests can be answered. */
  @Get('readyz')
  async readyz(): Promise<{ status: 'ok' }> {
    await this.catalog.ping();
    return { status: 'ok' };
  }

  @Get('metrics')
  @Header('content-type', 'text/plain; version=0.0.4; charset=utf-8')
  prometheus(): Promise<string> {
    return this.metrics.registry.metrics();
  }
}
