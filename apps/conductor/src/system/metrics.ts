import { Injectable } from '@nestjs/common';
import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';

/** In a registry of its own: two of these processes may be one, as in tests. */
@Injectable()
export class Metrics {
  readonly registry = new Registry();
  readonly relayed = this.counter('varve_outbox_published_total', 'Messages that the broker has confirmed');
  readonly recorded = new Counter({
    name: 'varve_events_recorded_total',
    help: 'Events taken into the catalog, by type',
    labelNames: ['type'] as const,
    registers: [this.registry],
  });
  readonly notified = new Counter({
    name: 'varve_nova_notifications_total',
    help: 'Notifications of Nova, by whether they told anything of use',
    labelNames: ['used'] as const,
    registers: [this.registry],
  });
  readonly servers = this.gauge('varve_nova_servers', "Servers that Nova's last reconciliation found");
  readonly settled = this.counter(
    'varve_operations_given_up_total',
    'Operations settled because nothing more was heard of them',
  );
  readonly removed = this.counter('varve_layers_removed_total', 'Discarded layers whose object was removed');
  readonly outboxPending = this.gauge('varve_outbox_pending', 'Messages that are not published yet');
  readonly outboxAge = this.gauge('varve_outbox_oldest_seconds', 'Age of the oldest of them');
  readonly discarded = this.gauge('varve_layers_discarded', 'Discarded layers whose object is still to be removed');

  constructor() {
    collectDefaultMetrics({ register: this.registry });
  }

  private counter(name: string, help: string): Counter {
    return new Counter({ name, help, registers: [this.registry] });
  }

  private gauge(name: string, help: string): Gauge {
    return new Gauge({ name, help, registers: [this.registry] });
  }
}
