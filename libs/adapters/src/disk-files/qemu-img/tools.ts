import { execFile } from 'node:child_process';

/** What a tool may use up before it is taken for mad: images can be made to eat memory and time. */
export interface ToolLimits {
  readonly timeoutMs: number;
  readonly memoryBytes: number;
  readonly cpuSeconds: number;
}

const QUICK: ToolLimits = { timeoutMs: 60_000, memoryBytes: 2 ** 30, cpuSeconds: 60 };
/** For what reads or writes whole images. */
export const THOROUGH: ToolLimits = { timeoutMs: 6 * 3_600_000, memoryBytes: 4 * 2 ** 30, cpuSeconds: 4 * 3_600 };

export class ToolFailedError extends Error {
  constructor(
    readonly tool: string,
    /** `null`: ended by a signal, or never started. */
    readonly exitCode: number | null,
    readonly stderr: string,
    options?: ErrorOptions,
  ) {
    super(
      `${tool} failed (${exitCode === null ? 'killed' : `exit ${exitCode}`}): ${stderr.trim().slice(0, 2_000)}`,
      options,
    );
    this.name = 'ToolFailedError';
  }
}

/** The command line that runs a tool under limits, and ends it when this process dies: two must not work on a file. */
export function limited(tool: string, args: readonly string[], limits: ToolLimits): [string, string[]] {
  return [
    'setpriv',
    [
      '--pdeathsig=KILL',
      'prlimit',
      `--as=${limits.memoryBytes}`,
      `--cpu=${limits.cpuSeconds}`,
      '--core=0',
      '--',
      tool,
      ...args,
    ],
  ];
}

/**
 * Runs a tool to its end. No shell; messages in English.
 *
 * @returns what it wrote to stdout
 * @throws {ToolFailedError} it failed, or passed a limit
 */
export function runTool(tool: string, args: readonly string[], limits: ToolLimits = QUICK): Promise<string> {
  const [command, line] = limited(tool, args, limits);
  return new Promise((resolve, reject) => {
    execFile(
      command,
      line,
      {
        timeout: limits.timeoutMs,
        killSignal: 'SIGKILL',
        maxBuffer: 2 ** 29,
        env: { ...minimalEnvironment(), LC_ALL: 'C' },
      },
      (error, stdout, stderr) => {
        if (!error) resolve(stdout);
        else {
          const exitCode = typeof error.code === 'number' ? error.code : null;
          reject(new ToolFailedError(tool, exitCode, stderr || error.message, { cause: error }));
        }
      },
    );
  });
}

/** Where tools are found; nothing else of our environment is their business. */
export function minimalEnvironment(): NodeJS.ProcessEnv {
  return { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' };
}
