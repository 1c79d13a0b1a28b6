import { readdir, readFile } from 'node:fs/promises';
import { isAbsolute, join, normalize } from 'node:path';
import { HypervisorRefusedError, isProjectId, isUuid, NotFoundError } from '@varve/core';
import type { InstanceId, ProjectId } from '@varve/core';
import { z } from 'zod';

/** A name inside the instance directory: it can't lead out of it. */
const InnerPath = z
  .string()
  .min(1)
  .max(100)
  .refine((path) => !isAbsolute(path) && normalize(path) === path && !path.split('/').includes('..'), {
    message: 'must be a plain relative path inside the instance directory',
  });

/** `<instances>/<uuid>/instance.json`: what a plain QEMU host says of an instance. */
export const InstanceFile = z.object({
  version: z.literal(1),
  project: z.string().refine(isProjectId, { message: 'must be 1 to 64 letters, digits, _ or -' }),
  name: z.string().min(1).max(255),
  /** The command that starts its QEMU, in the instance directory; it names the system disk `<instance>/disk`. */
  start: z.array(z.string()).min(1),
  /** Monitor socket that the command makes. */
  qmp: InnerPath,
  /** Guest agent's socket, when there is one. */
  agent: InnerPath.optional(),
});
export type InstanceFile = z.infer<typeof InstanceFile>;

export interface DescribedInstance {
  readonly id: InstanceId;
  readonly projectId: ProjectId;
  readonly name: string;
  readonly directory: string;
  readonly start: readonly string[];
  readonly qmpSocket: string;
  readonly agentSocket: string | null;
}

/** The instances of a host that has nobody else to ask: one directory each, with an `instance.json`. */
export class InstanceDirectories {
  /** @param root - absolute; what is in it and isn't a uuid is not ours */
  constructor(readonly root: string) {}

  pathOf(instance: InstanceId): string {
    if (!isUuid(instance)) throw new NotFoundError('instance', instance);
    return join(this.root, instance);
  }

  async ids(): Promise<InstanceId[]> {
    const entries = await readdir(this.root, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory() && isUuid(entry.name)).map((e) => e.name as InstanceId);
  }

  /**
   * @returns `null`: no such instance here
   * @throws {HypervisorRefusedError} it is here, but its `instance.json` can't be used
   */
  async describe(id: InstanceId): Promise<DescribedInstance | null> {
    const directory = this.pathOf(id);
    let text: string;
    try {
      text = await readFile(join(directory, 'instance.json'), 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw unusable(id, error);
    }
    try {
      const file = InstanceFile.parse(JSON.parse(text));
      return {
        id,
        projectId: file.project,
        name: file.name,
        directory,
        start: file.start,
        qmpSocket: join(directory, file.qmp),
        agentSocket: file.agent === undefined ? null : join(directory, file.agent),
      };
    } catch (error) {
      throw unusable(id, error);
    }
  }

  /** @throws {NotFoundError} no such instance here */
  async require(id: InstanceId): Promise<DescribedInstance> {
    const found = await this.describe(id);
    if (!found) throw new NotFoundError('instance', id);
    return found;
  }
}

function unusable(id: InstanceId, cause: unknown): HypervisorRefusedError {
  const why = cause instanceof z.ZodError ? z.prettifyError(cause) : (cause as Error).message;
  return new HypervisorRefusedError(`The instance.json of ${id} can't be used: ${why}`, { instanceId: id }, { cause });
}
