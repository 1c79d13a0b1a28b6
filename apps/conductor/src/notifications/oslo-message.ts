import type { OperationEntity, RestorePointEntity } from '@varve/catalog';
import type { VarveEvent } from '@varve/contracts';

/** One of our events in the form that OpenStack's listeners know. */
export interface OsloNotification {
  readonly message_id: string;
  readonly publisher_id: string;
  readonly event_type: string;
  readonly priority: 'INFO' | 'ERROR';
  readonly payload: Readonly<Record<string, unknown>>;
  readonly timestamp: string;
}

/** What the catalog knows of an event's operation. */
export interface OsloFacts {
  readonly operation: OperationEntity;
  readonly point: RestorePointEntity | null;
  readonly instanceName: string | null;
}

type Phase = 'start' | 'end' | 'error';
const SUBJECTS: Readonly<Partial<Record<OperationEntity['kind'], string>>> = {
  snapshot: 'snapshot.create',
  rollback: 'rollback',
  undo: 'rollback.undo',
  export: 'export',
};

/** Which of them others are told of in this way; progress and heartbeats are not. */
function phaseOf({ type }: VarveEvent): Phase | null {
  switch (type) {
    case 'operation.accepted':
      return 'start';
    case 'snapshot.available':
    case 'rollback.completed':
    case 'export.completed':
      return 'end';
    case 'snapshot.failed':
    case 'rollback.failed':
    case 'export.failed':
      return 'error';
    default:
      return null;
  }
}

export const isToldOf = (event: VarveEvent): boolean => phaseOf(event) !== null;

/** @returns `null`: of such an operation others are not told */
export function osloNotificationOf(event: VarveEvent, facts: OsloFacts): OsloNotification | null {
  const { operation, point, instanceName } = facts;
  const phase = phaseOf(event);
  const subject = SUBJECTS[operation.kind];
  if (phase === null || subject === undefined) return null;
  return {
    message_id: event.id,
    publisher_id: `varve.${operation.host}`,
    event_type: `varve.${subject}.${phase}`,
    priority: phase === 'error' ? 'ERROR' : 'INFO',
    payload: {
      instance_id: operation.instanceId,
      display_name: instanceName,
      tenant_id: operation.projectId,
      user_id: operation.userId,
      host: operation.host,
      operation_id: operation.id,
      request_id: operation.requestId,
      snapshot_id: operation.snapshotUid,
      snapshot_name: point?.name ?? null,
      created_at: operation.createdAt.toISOString(),
      ...detailsOf(event),
    },
    timestamp: osloTime(event.time),
  };
}

function detailsOf(event: VarveEvent): Record<string, unknown> {
  switch (event.type) {
    case 'snapshot.available': {
      const { layer, healed } = event.data;
      return {
        size: layer.objectBytes,
        changed_bytes: layer.changedBytes,
        virtual_size: layer.virtualSizeBytes,
        healed,
      };
    }
    case 'rollback.completed': {
      const { fetchedBytes, localBytes, downtimeMs } = event.data;
      return { fetched_bytes: fetchedBytes, local_bytes: localBytes, downtime_ms: downtimeMs };
    }
    case 'export.completed': {
      const { imageId, sizeBytes, fetchedBytes } = event.data;
      return { image_id: imageId, size: sizeBytes, fetched_bytes: fetchedBytes };
    }
    case 'snapshot.failed':
    case 'rollback.failed':
    case 'export.failed': {
      const { code, message, remedy } = event.data.problem;
      return { code, message, remedy };
    }
    default:
      return {};
  }
}

/** As Python's `str(datetime)` has it, in UTC. */
const osloTime = (iso: string): string => new Date(iso).toISOString().replace('T', ' ').replace('Z', '000');

/**
 * The AMQP body. `_unique_id` is how oslo.messaging knows a message that comes twice; the context says on whose behalf.
 */
export const osloBody = (notification: OsloNotification): Record<string, string> => {
  const { message_id, payload } = notification;
  return {
    'oslo.version': '2.0',
    'oslo.message': JSON.stringify({
      ...notification,
      _unique_id: message_id.replaceAll('-', ''),
      _context_request_id: payload['request_id'] ?? null,
      _context_user_id: payload['user_id'],
      _context_project_id: payload['tenant_id'],
      _context_is_admin: false,
    }),
  };
};
