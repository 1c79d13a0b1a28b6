/** Whether the same call may be made again, and by whom. */
export type Remedy = 'retry' | 'fix-request' | 'call-operator';

/** Every error we raise on purpose. `code` is part of the API and never changes; `message` is for people. */
export abstract class ServiceError extends Error {
  abstract readonly code: string;
  abstract readonly remedy: Remedy;

  /** @param facts - for the log and the problem report; no secrets, no host paths */
  constructor(
    message: string,
    readonly facts: Readonly<Record<string, string>> = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = new.target.name;
  }
}

// ---- the request ----------------------------------------------------------------------------------------------

/** There is none, or it is another tenant's: both look the same from outside. */
export class NotFoundError extends ServiceError {
  readonly code = 'not_found';
  readonly remedy = 'fix-request';
  constructor(kind: string, id: string) {
    super(`No ${kind} ${id}`, { kind, id });
  }
}

export class ForbiddenError extends ServiceError {
  readonly code = 'forbidden';
  readonly remedy = 'fix-request';
  constructor(action: string) {
    super(`This token's role does not allow ${action}`, { action });
  }
}

export class UnauthorizedError extends ServiceError {
  readonly code = 'unauthorized';
  readonly remedy = 'fix-request';
  constructor() {
    super('No valid token in X-Auth-Token or Authorization');
  }
}

/** The credentials are not right, or not for that project. Which of them is wrong is nobody's business. */
export class LoginFailedError extends ServiceError {
  readonly code = 'login_failed';
  readonly remedy = 'fix-request';
  constructor() {
    super('These credentials are not valid, or not for that project');
  }
}

/** The identity service has no such way in. */
export class LoginUnsupportedError extends ServiceError {
  readonly code = 'login_unsupported';
  readonly remedy = 'fix-request';
  constructor(method: string) {
    super(`One can't log in by ${method} here`, { method });
  }
}

/** From one address, more failed log-ins than a person needs. */
export class TooManyAttemptsError extends ServiceError {
  readonly code = 'too_many_attempts';
  readonly remedy = 'retry';
  constructor(retryAfterS: number) {
    super(`Too many log-ins from your address have failed; try again in ${retryAfterS} s`, {
      retryAfterS: String(retryAfterS),
    });
  }
}

/** A good token, but for a domain, the system or nothing: everything here belongs to a project. */
export class TokenNotScopedError extends ServiceError {
  readonly code = 'token_not_scoped';
  readonly remedy = 'fix-request';
  constructor(userId: string) {
    super('This token is not for a project; ask for one that is', { userId });
  }
}

/** One procedure per instance; the answer names the running one. */
export class OperationRunningError extends ServiceError {
  readonly code = 'operation_running';
  readonly remedy = 'retry';
  constructor(instanceId: string, operationId: string) {
    super(`Operation ${operationId} is running on instance ${instanceId}; wait for it or cancel it`, {
      instanceId,
      operationId,
    });
  }
}

/** The request can't be carried out in the state that things are in now. */
export class ConflictError extends ServiceError {
  readonly code = 'conflict';
  readonly remedy = 'fix-request';
}

export class PastPointOfNoReturnError extends ServiceError {
  readonly code = 'past_point_of_no_return';
  readonly remedy = 'fix-request';
  constructor(operationId: string) {
    super(`Operation ${operationId} can no longer be cancelled: it is changing the disk and will finish`, {
      operationId,
    });
  }
}

export class IdempotencyKeyReusedError extends ServiceError {
  readonly code = 'idempotency_key_reused';
  readonly remedy = 'fix-request';
  constructor() {
    super('This Idempotency-Key was used for a different request');
  }
}

/** Deleting it would take another restore point's data with it. */
export class SnapshotNeededError extends ServiceError {
  readonly code = 'snapshot_needed';
  readonly remedy = 'fix-request';
  constructor(snapshotUid: string, neededBy: string) {
    super(`Snapshot ${snapshotUid} is what ${neededBy} stands on; delete the newer ones first`, {
      snapshotUid,
      neededBy,
    });
  }
}

/** The worker was asked to stop before the procedure changed anything for good. */
export class CancelledError extends ServiceError {
  readonly code = 'cancelled';
  readonly remedy = 'fix-request';
  constructor() {
    super('Cancelled on request; nothing was changed');
  }
}

// ---- the instance and its disk --------------------------------------------------------------------------------

/** A system disk of a kind that we do not take snapshots of. */
export class DiskUnsupportedError extends ServiceError {
  readonly remedy = 'fix-request';
  constructor(
    readonly code:
      | 'disk_not_local'
      | 'disk_not_qcow2'
      | 'disk_encrypted'
      | 'disk_has_internal_snapshots'
      | 'disk_has_data_file'
      | 'disk_corrupt'
      | 'disk_chain_unsupported',
    message: string,
    facts: Readonly<Record<string, string>> = {},
  ) {
    super(message, facts);
  }
}

/** The chain on disk isn't the one on record: somebody else changed the disk. */
export class ChainDivergedError extends ServiceError {
  readonly code = 'chain_diverged';
  readonly remedy = 'call-operator';
  constructor(expected: string, found: string) {
    super(`Expected the chain ${expected}, found ${found}; the disk was changed by something else`, {
      expected,
      found,
    });
  }
}

/** The disk stands on layers of its own that whoever moved the instance has left behind. */
export class LayersGoneError extends ServiceError {
  readonly remedy = 'call-operator';
  constructor(
    readonly code:
      | 'layers_missing' // its headers name one that is not here: it can't start, and nothing was lost yet
      | 'layers_lost' // the disk was made anew without them: it starts, and shows old data
      | 'layers_not_stored', // they can't be made again from the store
    message: string,
    facts: Readonly<Record<string, string>> = {},
  ) {
    super(message, facts);
  }
}

export class ChainFullError extends ServiceError {
  readonly code = 'chain_full';
  readonly remedy = 'retry';
  constructor(layers: number) {
    super(`The chain already has ${layers} layers of its own`, { layers: String(layers) });
  }
}

export class NoSpaceError extends ServiceError {
  readonly code = 'no_space';
  readonly remedy = 'call-operator';
  constructor(needBytes: number, freeBytes: number, what: string) {
    super(`${what} needs ${needBytes} bytes, ${freeBytes} are free in the instance directory's file system`, {
      needBytes: String(needBytes),
      freeBytes: String(freeBytes),
    });
  }
}

export class InstanceNotRunningError extends ServiceError {
  readonly code = 'instance_not_running';
  readonly remedy = 'retry';
  constructor(instanceId: string) {
    super(`Instance ${instanceId} has no QEMU process`, { instanceId });
  }
}

export class InstanceRunningError extends ServiceError {
  readonly code = 'instance_running';
  readonly remedy = 'retry';
  constructor(instanceId: string) {
    super(`Instance ${instanceId} was started meanwhile`, { instanceId });
  }
}

/** Nova is at it, or keeps it in a state in which its disk is not ours to touch. */
export class InstanceNotReadyError extends ServiceError {
  readonly remedy: Remedy;
  constructor(
    readonly code:
      | 'instance_busy'
      | 'instance_building'
      | 'instance_locked'
      | 'instance_moving'
      | 'instance_elsewhere'
      | 'instance_suspended'
      | 'instance_rescued'
      | 'instance_resized'
      | 'instance_shelved'
      | 'instance_in_error'
      | 'instance_deleted',
    message: string,
    facts: Readonly<Record<string, string>> = {},
  ) {
    super(message, facts);
    this.remedy = REMEDIES[code] ?? 'fix-request';
  }
}

/** What passes by itself, and what needs an operator; the rest is for whoever owns the instance. */
const REMEDIES: Readonly<Record<string, Remedy>> = {
  instance_busy: 'retry',
  instance_building: 'retry',
  instance_moving: 'retry',
  instance_elsewhere: 'call-operator',
  instance_in_error: 'call-operator',
};

/** A block job of somebody else (a copy, a migration, Nova's own snapshot) holds the disk. */
export class DiskBusyError extends ServiceError {
  readonly code = 'disk_busy';
  readonly remedy = 'retry';
  constructor(instanceId: string, job: string) {
    super(`Instance ${instanceId} has a block job of its own running: ${job}`, { instanceId, job });
  }
}

/** QEMU or a tool refused; what it said is the message. Nothing was changed. */
export class HypervisorRefusedError extends ServiceError {
  readonly code = 'hypervisor_refused';
  readonly remedy = 'call-operator';
}

/** The connection broke or a deadline passed after something was asked for: look at the host before going on. */
export class OutcomeUnknownError extends ServiceError {
  readonly code = 'outcome_unknown';
  readonly remedy = 'retry';
}

export class QuiesceFailedError extends ServiceError {
  readonly code = 'quiesce_failed';
  readonly remedy = 'retry';
}

// ---- the store -----------------------------------------------------------------------------------------------

/** Down, slow beyond the deadline, or refusing for a while. */
export class StoreUnavailableError extends ServiceError {
  readonly code = 'store_unavailable';
  readonly remedy = 'retry';
}

/** Wrong credentials, no such bucket, over quota: trying again does not help. */
export class StoreRefusedError extends ServiceError {
  readonly code = 'store_refused';
  readonly remedy = 'call-operator';
}

/** What came back from the store isn't what was put there. */
export class ObjectCorruptError extends ServiceError {
  readonly code = 'object_corrupt';
  readonly remedy = 'call-operator';
  constructor(key: string, what: string) {
    super(`Object ${key} is damaged: ${what}`, { key, what });
  }
}

export class ObjectMissingError extends ServiceError {
  readonly code = 'object_missing';
  readonly remedy = 'call-operator';
  constructor(key: string) {
    super(`Object ${key} is not in the store`, { key });
  }
}

export class ManifestUnusableError extends ServiceError {
  readonly code = 'manifest_unusable';
  readonly remedy = 'call-operator';
  constructor(uid: string, what: string) {
    super(`The manifest of layer ${uid} can't be used: ${what}`, { uid, what });
  }
}

/** The base image on this host isn't the one that the lineage was made on. */
export class BaseImageChangedError extends ServiceError {
  readonly code = 'base_image_changed';
  readonly remedy = 'call-operator';
  constructor(expected: string, found: string) {
    super(`The restore point stands on the base image ${expected}, this host has ${found}`, { expected, found });
  }
}

export class LineageBrokenError extends ServiceError {
  readonly code = 'lineage_broken';
  readonly remedy = 'call-operator';
  constructor(uid: string) {
    super(`Layer ${uid} is missing from the lineage, or stands on itself`, { uid });
  }
}

// ---- the image service ------------------------------------------------------------------------------------------

/** What the restore point stands on is not on the host that is to make something of it. */
export class BaseImageMissingError extends ServiceError {
  readonly code = 'base_image_missing';
  readonly remedy = 'call-operator';
  constructor(sha256: string, sizeBytes: number) {
    super(
      `This host has no base image any more with the sha256 ${sha256} (${sizeBytes} bytes), which the restore point stands ` +
        'on; an instance made there from the same image brings it back',
      { sha256, sizeBytes: String(sizeBytes) },
    );
  }
}

/** This host knows of no service that keeps images. */
export class NoImageServiceError extends ServiceError {
  readonly code = 'no_image_service';
  readonly remedy = 'fix-request';
  constructor() {
    super('There is no image service beside this host, so nothing can be exported from it');
  }
}

/** The image service said no, e.g. for a quota: trying again does not help. */
export class ImageRefusedError extends ServiceError {
  readonly code = 'image_refused';
  readonly remedy = 'call-operator';
}

/** What the image service has is not what it was sent. */
export class ImageDamagedError extends ServiceError {
  readonly code = 'image_damaged';
  readonly remedy = 'retry';
  constructor(imageId: string, what: string) {
    super(`Image ${imageId} is not what was sent: ${what}`, { imageId, what });
  }
}

// ---- jobs and services ----------------------------------------------------------------------------------------

export class JobUnusableError extends ServiceError {
  readonly code = 'job_unusable';
  readonly remedy = 'call-operator';
}

/** A newer job has been here already: this one was delayed or replayed. */
export class JobOutdatedError extends ServiceError {
  readonly code = 'job_outdated';
  readonly remedy = 'fix-request';
  constructor(epoch: number, seen: number) {
    super(`Job of epoch ${epoch} came after one of epoch ${seen}`, { epoch: String(epoch), seen: String(seen) });
  }
}

/** The instance's host has not been heard of for a while. */
export class HostUnavailableError extends ServiceError {
  readonly code = 'host_unavailable';
  readonly remedy = 'retry';
  constructor(host: string) {
    super(`Host ${host} is not answering`, { host });
  }
}

/** The database or the broker is away. */
export class ServiceUnavailableError extends ServiceError {
  readonly code = 'service_unavailable';
  readonly remedy = 'retry';
}

/** An error as it crosses a process, is journaled, or is kept in the catalog. */
export interface Problem {
  readonly code: string;
  readonly remedy: Remedy;
  readonly message: string;
  readonly facts: Readonly<Record<string, string>>;
}

/** Anything that isn't one of ours is a bug or a foreign failure that no adapter knew: an operator has to look. */
export function problemOf(error: unknown): Problem {
  if (error instanceof ServiceError) {
    return { code: error.code, remedy: error.remedy, message: error.message, facts: error.facts };
  }
  return {
    code: 'internal',
    remedy: 'call-operator',
    message: error instanceof Error ? error.message : String(error),
    facts: {},
  };
}

/** A problem that was journaled or received, as an error again. */
export class ReportedError extends ServiceError {
  readonly code: string;
  readonly remedy: Remedy;
  constructor(problem: Problem) {
    super(problem.message, problem.facts);
    this.code = problem.code;
    this.remedy = problem.remedy;
  }
}
