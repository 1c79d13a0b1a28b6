import type { LiveEvent } from '@varve/api-client';
import type { OperationView } from '@varve/contracts';
import { printable } from '../terminal.js';
import { shareOf } from './operation.js';

/** What has happened, on one line: `snapshot of web-1: running, uploading 50%  <operation>` */
export function eventLine(event: Extract<LiveEvent, { data: unknown }>): string {
  switch (event.type) {
    case 'operation':
      return operationLine(event.data);
    case 'chain':
      return `chain of ${event.data.instanceId}: ${event.data.layers.length} layers of its own`;
    case 'instance':
      return `instance ${event.data.id} has changed`;
  }
}

function operationLine(operation: OperationView): string {
  const { id, kind, instanceName, instanceId, state, phase, problem } = operation;
  const share = operation.totalBytes === 0 ? '' : ` ${shareOf(operation)}`;
  const how = state === 'running' ? `, ${phase}${share}` : problem ? `: ${problem.message} (${problem.code})` : '';
  return printable(`${kind} of ${instanceName ?? instanceId}: ${state}${how}  ${id}`);
}
