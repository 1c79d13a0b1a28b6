import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  DiskBusyError,
  HypervisorRefusedError,
  InstanceNotRunningError,
  isUuid,
  NotFoundError,
  OutcomeUnknownError,
  QuiesceFailedError,
} from '@varve/core';
import type { BaseImage, InstanceId } from '@varve/core';
import type { Freeze, Hypervisor, InstanceDescription, OpenLayer, PowerState } from '@varve/ports';
import { ifThere, inodeOrNull } from '../../disk-files/qemu-img/durable.js';
import { isLockedForWriting } from '../../disk-files/qemu-img/image-locks.js';
import { foreignJobOf } from './block-job.js';
import { flushDomain } from './flush-domain.js';
import { mendDefinition } from './definition.js';
import { freezeDomain, thawDomain } from './domain-freeze.js';
import { parseDomain } from './domain-xml.js';
import type { Domain } from './domain-xml.js';
import { likelyFilesOf, readLibvirtDisk } from './libvirt-disk.js';
import { beginMerge, followMerge } from './merge-job.js';
import type { LibvirtMerge, MergeState, Running } from './merge-job.js';
import { statesOf } from './power-states.js';
import { beginStream, followStream } from './stream-job.js';
import type { LibvirtStream } from './stream-job.js';
import { switchToOverlay } from './switch-overlay.js';
import { Virsh, VirshError } from './virsh.js';

/** How long Nova may leave a domain undefined while it makes it anew. */
const REDEFINITION_MS = 3_000;
/** So often a question is asked at least, of a domain that Nova undefines and defines: a busy libvirt answers late. */
const ASK_AT_LEAST = 10;
/** How long {@link LibvirtHypervisor.list} goes by what a domain's description said: reading it takes a process each. */
const KNOWN_MS = 60_000;
/** How long libvirt may take to tell of the end of a job that QEMU has ended. */
const JOB_NEWS_MS = 3_000;

export interface LibvirtHypervisorOptions {
  /** Absolute; holds `<domain uuid>/disk`. */
  readonly instancesDir: string;
  readonly uri: string;
  /** Told of instances whose description can't be used. */
  readonly onUnreadable?: (instance: InstanceId, error: unknown) => void;
}

/**
 * QEMU processes that belong to libvirt, by way of libvirt alone: nothing goes past it to the monitor, so that what it
 * knows of a disk stays true, for Nova and for whoever else works with it.
 *
 * Has to see QEMU's open files in /proc, so it runs as root on the host itself.
 */
export class LibvirtHypervisor implements Hypervisor {
  /** libvirt would keep the replaced layers in its idea of the chain (qemu-mechanics C.6). */
  readonly canReplaceBacking = false;
  /** Nova takes the name of the file to copy from libvirt's description of the running domain. */
  readonly settlesUnderDiskName = true;
  private readonly virsh: Virsh;
  private readonly instancesDir: string;
  private readonly known = new Map<InstanceId, { domain: Pick<Domain, 'name' | 'owner'>; atMs: number }>();
  private readonly onUnreadable: (instance: InstanceId, error: unknown) => void;

  constructor(options: LibvirtHypervisorOptions) {
    this.virsh = new Virsh(options.uri);
    this.instancesDir = options.instancesDir;
    this.onUnreadable = options.onUnreadable ?? ((_, error) => process.emitWarning(error as Error));
  }

  async list(): Promise<InstanceDescription[]> {
    const [uuids, states] = await Promise.all([
      this.onHost('list', () => this.virsh.uuids('--all')),
      this.onHost('list', () => statesOf(this.virsh)),
    ]);
    const found: InstanceDescription[] = [];
    for (const id of this.known.keys()) if (!uuids.includes(id)) this.known.delete(id);
    // One after the other: a beat of the heart is in no hurry, and the host has other work.
    for (const id of uuids.filter(isUuid) as InstanceId[]) {
      try {
        const domain = await this.knownDomainOf(id);
        // A domain of somebody else's, with its disks in other places, is none of our business.
        if (domain === null || (domain.owner === null && !(await this.hasDisk(id)))) continue;
        found.push(await this.describe(id, domain, states.get(domain.name) ?? null));
      } catch (error) {
        this.onUnreadable(id, error);
      }
    }
    return found;
  }

  async find(id: InstanceId): Promise<InstanceDescription | null> {
    if (!isUuid(id)) return null;
    const deadline = performance.now() + REDEFINITION_MS;
    for (;;) {
      const domain = await this.domainOf(id);
      const states = domain && (await this.onHost(id, () => this.ifKnown(id, () => statesOf(this.virsh, [id]))));
      if (domain && states) return this.describe(id, domain, states.get(domain.name) ?? null);
      if (!(await this.hasDisk(id))) return null;
      if (performance.now() > deadline) throw new DiskBusyError(id, 'libvirt has no definition of it for the moment');
      await delay(200);
    }
  }

  async powerState(id: InstanceId): Promise<PowerState> {
    const said = await this.stateOf(id);
    if (said === 'absent' && !(await this.hasDisk(id))) throw new NotFoundError('instance', id);
    return typeof said === 'string' && said !== 'absent' ? said : this.stateByLock(id);
  }

  async openLayers(id: InstanceId): Promise<OpenLayer[] | null> {
    const now = await this.look(id);
    if (now === null) return null;
    const files = await likelyFilesOf(now.disk);
    return Promise.all(
      now.disk.images.map(async ({ path, inode }, depth) => {
        const trueInode = await inodeOrNull(files[depth] ?? path);
        const readOnly = depth > 0 && (trueInode === null || now.disk.open.get(trueInode) !== true);
        return { name: path, inode, readOnly };
      }),
    );
  }

  async foreignJob(id: InstanceId): Promise<string | null> {
    const { domain, disk } = await this.require(id);
    return this.onHost(id, () => foreignJobOf(this.virsh, id, domain, disk));
  }

  async switchToOverlay(instance: InstanceId, overlay: string, deadlineMs: number): Promise<{ stallMs: number }> {
    const now = await this.require(instance);
    return switchToOverlay(
      this.virsh,
      { instance, overlay, deadlineMs },
      now,
      async () => (await this.look(instance))?.disk ?? null,
    );
  }

  async commit(
    instance: InstanceId,
    from: string,
    into: string,
    options: { bytesPerSecond: number; onProgress?: (doneBytes: number, totalBytes: number) => void },
  ): Promise<void> {
    const merge: LibvirtMerge = { instance, from, into, bytesPerSecond: options.bytesPerSecond };
    const begun = await beginMerge(this.virsh, merge, await this.require(instance));
    await this.toTheEnd(instance, begun, (now) => followMerge(this.virsh, merge, now), options);
  }

  async stream(
    instance: InstanceId,
    base: BaseImage | null,
    options: { bytesPerSecond: number; onProgress?: (doneBytes: number, totalBytes: number) => void },
  ): Promise<void> {
    const stream: LibvirtStream = { instance, base, bytesPerSecond: options.bytesPerSecond };
    const begun = await beginStream(this.virsh, stream, await this.require(instance));
    await this.toTheEnd(instance, begun, (now) => followStream(this.virsh, stream, now), options);
    await flushDomain(this.virsh.uri, instance);
  }

  replaceBacking(instance: InstanceId): Promise<void> {
    const message = 'libvirt has no way to put another file below a running disk';
    return Promise.reject(new HypervisorRefusedError(message, { instanceId: instance }));
  }

  /** libvirt closes by itself what it opened in vain; what may be left is a definition that names a layer. */
  async closeLeftovers(id: InstanceId): Promise<void> {
    const { disk } = await this.require(id);
    const diskPath = this.diskOf(id);
    if ((await inodeOrNull(diskPath)) !== disk.images[0].inode) return;
    await this.onHost(id, () => mendDefinition(this.virsh, id, disk.target, diskPath));
  }

  async freeze(id: InstanceId, deadlineMs: number): Promise<Freeze> {
    const { domain } = await this.require(id);
    if (domain.agent !== 'connected') {
      const what =
        domain.agent === null ? 'The instance has no guest agent channel' : 'No guest agent has its channel open';
      throw new QuiesceFailedError(what, { instanceId: id });
    }
    return freezeDomain(this.virsh.uri, id, deadlineMs);
  }

  async ensureThawed(id: InstanceId): Promise<void> {
    const domain = await this.domainOf(id);
    if (domain?.active && domain.agent === 'connected') await thawDomain(this.virsh.uri, id);
  }

  async versions(): Promise<Readonly<Record<string, string>>> {
    const text = await this.onHost('versions', () => this.virsh.run('version', ['--daemon']));
    const versionOf = (what: string): string => new RegExp(`${what}.*?(\\d+(?:\\.\\d+)+)`).exec(text)?.[1] ?? 'unknown';
    return { qemu: versionOf('Running hypervisor: QEMU'), libvirt: versionOf('Running against daemon:') };
  }

  // ---- looking

  private diskOf(id: InstanceId): string {
    return join(this.directoryOf(id), 'disk');
  }

  private directoryOf(id: InstanceId): string {
    if (!isUuid(id)) throw new NotFoundError('instance', id);
    return join(this.instancesDir, id);
  }

  private async hasDisk(id: InstanceId): Promise<boolean> {
    return (await ifThere(inodeOrNull(this.diskOf(id)))) !== null;
  }

  /** @returns `null`: libvirt has no such domain */
  private domainOf(id: InstanceId): Promise<Domain | null> {
    return this.onHost(id, async () => {
      const xml = await this.ifKnown(id, () => this.virsh.run('dumpxml', [id]));
      return xml === null ? null : parseDomain(xml);
    });
  }

  /**
   * What was asked of a domain, once more where libvirt refused and lists the domain all the same: Nova may have defined
   * it anew in between.
   *
   * @returns `null`: libvirt has no such domain
   */
  private async ifKnown<T>(id: InstanceId, ask: () => Promise<T>): Promise<T | null> {
    const deadline = performance.now() + REDEFINITION_MS;
    for (let asked = 1; ; asked++) {
      try {
        return await ask();
      } catch (error) {
        if (!(error instanceof VirshError)) throw error;
        if (!(await this.virsh.uuids('--all')).includes(id)) return null;
        if (asked >= ASK_AT_LEAST && performance.now() > deadline) throw error;
        // By chance, or it would go on in step with whoever defines it anew.
        await delay(20 + Math.random() * 130);
      }
    }
  }

  private async knownDomainOf(id: InstanceId): Promise<Pick<Domain, 'name' | 'owner'> | null> {
    const known = this.known.get(id);
    if (known && performance.now() - known.atMs < KNOWN_MS) return known.domain;
    const domain = await this.domainOf(id);
    if (domain?.owner) this.known.set(id, { domain, atMs: performance.now() });
    else this.known.delete(id);
    return domain;
  }

  private async describe(
    id: InstanceId,
    domain: Pick<Domain, 'name' | 'owner'>,
    said: PowerState | null,
  ): Promise<InstanceDescription> {
    if (domain.owner === null) {
      const message = 'The domain does not say whose it is: it has neither metadata of Nova nor of Varve';
      throw new HypervisorRefusedError(message, { instanceId: id });
    }
    const { projectId, name } = domain.owner;
    return { id, projectId, name, state: said ?? (await this.stateByLock(id)) };
  }

  /** @returns `null`: the lock on the disk has to tell */
  private async stateOf(id: InstanceId): Promise<PowerState | null | 'absent'> {
    try {
      const states = await this.ifKnown(id, () => statesOf(this.virsh, [id]));
      return states === null ? 'absent' : ([...states.values()][0] ?? null);
    } catch (error) {
      if (!(error instanceof VirshError)) throw error;
      const refusal = await this.virsh.refusal(error, id);
      // A libvirt that is away says nothing about its QEMUs, which go on without it.
      if (refusal instanceof OutcomeUnknownError && (await isLockedForWriting(this.diskOf(id)))) return 'running';
      throw refusal;
    }
  }

  /** While QEMU starts or ends, and for whatever else holds the disk. */
  private async stateByLock(id: InstanceId): Promise<PowerState> {
    return (await isLockedForWriting(this.diskOf(id))) ? 'running' : 'stopped';
  }

  /** @returns `null`: there is no QEMU process */
  private async look(id: InstanceId): Promise<Running | null> {
    const domain = await this.domainOf(id);
    if (domain === null && !(await this.hasDisk(id))) throw new NotFoundError('instance', id);
    const disk = domain && (await readLibvirtDisk(id, this.directoryOf(id), domain));
    if (domain && disk) return { domain, disk };
    // libvirt has the domain for running, and there is no process: it is starting, or has just ended.
    const again = domain?.active ? await this.domainOf(id) : domain;
    const diskAgain = again?.active ? await readLibvirtDisk(id, this.directoryOf(id), again) : null;
    if (again && diskAgain) return { domain: again, disk: diskAgain };
    if (again?.active || (await isLockedForWriting(this.diskOf(id)))) {
      throw new OutcomeUnknownError('QEMU is just starting or ending, or is not libvirt’s', { instanceId: id });
    }
    return null;
  }

  private async require(id: InstanceId): Promise<Running> {
    const now = await this.look(id);
    if (now === null) throw new InstanceNotRunningError(id);
    return now;
  }

  private async toTheEnd(
    instance: InstanceId,
    begun: MergeState,
    follow: (now: Running) => Promise<MergeState>,
    { onProgress }: { onProgress?: (doneBytes: number, totalBytes: number) => void },
  ): Promise<void> {
    let state = begun;
    let endedAt: number | null = null;
    for (let wait = 50; state.kind !== 'merged'; wait = Math.min(wait * 2, 1_000)) {
      if (state.kind === 'running') {
        endedAt = null;
        if (state.totalBytes > 0) onProgress?.(state.doneBytes, state.totalBytes);
      } else {
        endedAt ??= performance.now();
        if (performance.now() - endedAt > JOB_NEWS_MS) {
          throw new HypervisorRefusedError('The merge ended without being done', { instanceId: instance });
        }
      }
      await delay(state.kind === 'running' ? wait : 50);
      state = await this.follow(instance, follow);
    }
  }

  /** Once a merge has begun, an instance that is gone does not mean that nothing changed. */
  private async follow(instance: InstanceId, ask: (now: Running) => Promise<MergeState>): Promise<MergeState> {
    try {
      const now = await this.require(instance);
      return await this.onHost(instance, () => ask(now));
    } catch (error) {
      const gone = error instanceof InstanceNotRunningError || error instanceof HypervisorRefusedError;
      if (!gone) throw error;
      throw new OutcomeUnknownError('QEMU ended while it merged layers', { instanceId: instance }, { cause: error });
    }
  }

  private async onHost<T>(instance: string, ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      throw await this.virsh.refusal(error, instance);
    }
  }
}
