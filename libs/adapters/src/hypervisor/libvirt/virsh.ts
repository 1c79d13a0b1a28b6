import { execFile } from 'node:child_process';
import { HypervisorRefusedError, OutcomeUnknownError } from '@varve/core';
import { minimalEnvironment } from '../../disk-files/qemu-img/tools.js';

const DEADLINE_MS = 30_000;

/** virsh said no. What it said is for people: no decision is made by it. */
export class VirshError extends Error {
  constructor(
    readonly command: string,
    readonly said: string,
    options?: ErrorOptions,
  ) {
    super(
      `virsh ${command}: ${said
        .replaceAll(/^error: /gm, '')
        .trim()
        .slice(0, 2_000)}`,
      options,
    );
    this.name = 'VirshError';
  }
}

/**
 * libvirt by its own command, a process for each question: no binding to keep in step with the host's libvirt, and a
 * daemon that hangs takes no thread of ours with it. One call costs 15 to 20 ms (libvirt 9.0, 2 cores).
 */
export class Virsh {
  /** @param uri - of the connection, e.g. `qemu:///system` */
  constructor(readonly uri: string) {}

  /**
   * @returns what it wrote, without its closing remarks
   * @throws {VirshError} it refused, or libvirt does not answer: {@link refusal} tells which
   * @throws {OutcomeUnknownError} not done within the deadline; libvirt may still be at it
   */
  run(command: string, args: readonly string[] = [], deadlineMs = DEADLINE_MS): Promise<string> {
    return new Promise((resolve, reject) => {
      execFile(
        'virsh',
        ['--quiet', '--connect', this.uri, command, ...args],
        {
          timeout: Math.max(1, Math.ceil(deadlineMs)),
          killSignal: 'SIGKILL',
          maxBuffer: 2 ** 26,
          env: { ...minimalEnvironment(), LC_ALL: 'C' },
        },
        (error, stdout, stderr) => {
          if (!error) resolve(stdout);
          else if (error.killed === true) {
            const message = `virsh ${command} did not answer within ${Math.ceil(deadlineMs)} ms`;
            reject(new OutcomeUnknownError(message, {}, { cause: error }));
          } else reject(new VirshError(command, stderr || error.message, { cause: error }));
        },
      );
    });
  }

  /** The uuids of the domains that `virsh list` finds. */
  async uuids(...filters: readonly string[]): Promise<string[]> {
    const text = await this.run('list', ['--uuid', ...filters]);
    return text.split('\n').flatMap((line) => line.trim() || []);
  }

  /** What a failed command means, once libvirt has been asked whether it is there at all. */
  async refusal(error: unknown, instance: string): Promise<unknown> {
    if (!(error instanceof VirshError)) return error;
    const facts = { instanceId: instance };
    try {
      await this.uuids();
    } catch (silence) {
      if (!(silence instanceof VirshError) && !(silence instanceof OutcomeUnknownError)) throw silence;
      return new OutcomeUnknownError('libvirt does not answer', facts, { cause: error });
    }
    return new HypervisorRefusedError(error.message, facts, { cause: error });
  }
}
