import { createHash, timingSafeEqual } from 'node:crypto';
import { open } from 'node:fs/promises';
import { isProjectId, LoginUnsupportedError, ServiceUnavailableError } from '@varve/core';
import type { Credentials, Identity, Login, Principal, Project } from '@varve/ports';
import { z } from 'zod';

/** Who a token stands for. The token itself need not be in the file: its SHA-256 will do. */
const TokenEntry = z
  .object({
    token: z.string().min(16, 'must have 16 characters at least').optional(),
    sha256: z
      .string()
      .regex(/^[0-9a-f]{64}$/, 'must be 64 hexadecimal digits in lower case')
      .optional(),
    userId: z.string().min(1).max(255),
    projectId: z.string().refine(isProjectId, 'must be 1 to 64 letters, digits, _ or -'),
    role: z.enum(['admin', 'member', 'reader', 'service']),
  })
  .refine(({ token, sha256 }) => (token === undefined) !== (sha256 === undefined), {
    message: 'needs either token or sha256',
  });
export const TokensFile = z.object({ tokens: z.array(TokenEntry) });
export type TokensFile = z.infer<typeof TokensFile>;

interface Known {
  readonly digest: Buffer;
  readonly principal: Principal;
}

export interface StaticIdentityOptions {
  /** Absolute. Read again whenever it has changed. */
  readonly tokensFile: string;
  /** Told when others on this host can read the file, once per version of it. */
  readonly onWarning?: (message: string) => void;
}

/** Tokens in a file, for hosts and demos without Keystone. */
export class StaticIdentity implements Identity {
  private readonly tokensFile: string;
  private readonly onWarning: (message: string) => void;
  private read: { version: string; known: readonly Known[] } | null = null;

  constructor({ tokensFile, onWarning }: StaticIdentityOptions) {
    this.tokensFile = tokensFile;
    this.onWarning = onWarning ?? ((message) => process.emitWarning(message));
  }

  async authenticate(token: string): Promise<Principal | null> {
    const digest = sha256(token);
    let found: Principal | null = null;
    // All of them, each in constant time: how long it takes tells nothing of the tokens.
    for (const entry of await this.load()) if (timingSafeEqual(entry.digest, digest)) found = entry.principal;
    return found;
  }

  async login(credentials: Credentials): Promise<Login | null> {
    if (credentials.method !== 'token') throw new LoginUnsupportedError(credentials.method);
    const { token, projectId } = credentials;
    const principal = await this.authenticate(token);
    // Each is for the one project that the file says.
    if (!principal || (projectId !== undefined && projectId !== principal.projectId)) return null;
    return { token, principal, userName: null, projectName: null };
  }

  projectsOf(): Promise<readonly Project[]> {
    return Promise.resolve([]);
  }

  /** Whoever wrote it into the file takes it out again. */
  revoke(): Promise<void> {
    return Promise.resolve();
  }

  private async load(): Promise<readonly Known[]> {
    try {
      const handle = await open(this.tokensFile, 'r');
      try {
        const { ino, size, mtimeNs, ctimeNs, mode } = await handle.stat({ bigint: true });
        const version = [ino, size, mtimeNs, ctimeNs].join(':');
        if (this.read?.version === version) return this.read.known;
        const { tokens } = TokensFile.parse(JSON.parse(await handle.readFile('utf8')));
        if ((mode & 0o077n) !== 0n) this.onWarning('The tokens file can be read by others on this host: chmod 600 it');
        this.read = { version, known: tokens.map(toKnown) };
        return this.read.known;
      } finally {
        await handle.close();
      }
    } catch (error) {
      // Not the old tokens: one of them may have been taken out.
      const why = error instanceof z.ZodError ? z.prettifyError(error) : (error as Error).message;
      throw new ServiceUnavailableError(`The tokens file can't be used: ${why}`, {}, { cause: error });
    }
  }
}

function toKnown({ token, sha256: given, userId, projectId, role }: z.infer<typeof TokenEntry>): Known {
  const digest = given === undefined ? sha256(token ?? '') : Buffer.from(given, 'hex');
  return { digest, principal: { userId, projectId, roles: [role], expiresAt: null } };
}

const sha256 = (text: string): Buffer => createHash('sha256').update(text, 'utf8').digest();
