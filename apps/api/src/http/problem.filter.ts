import type { ArgumentsHost, ExceptionFilter } from '@nestjs/common';
import { Catch, HttpException, Inject, Injectable } from '@nestjs/common';
import { Catalog } from '@varve/catalog';
import type { AuditEntry, Log } from '@varve/catalog';
import type { ProblemDetails } from '@varve/contracts';
import { problemOf, ServiceError } from '@varve/core';
import type { Problem, ProjectId } from '@varve/core';
import type { FastifyReply } from 'fastify';
import { LOG } from '../tokens.js';
import type { Caller, CallerRequest } from './caller.js';
import { codeOf, statusOf } from './statuses.js';
import { UnknownCallers } from './unknown-callers.js';

/** The one way out for everything that goes wrong: a problem report (RFC 9457), and for a denial a line in the audit. */
@Catch()
@Injectable()
export class ProblemFilter implements ExceptionFilter {
  constructor(
    private readonly catalog: Catalog,
    private readonly unknownCallers: UnknownCallers,
    @Inject(LOG) private readonly log: Log,
  ) {}

  async catch(error: unknown, host: ArgumentsHost): Promise<void> {
    const http = host.switchToHttp();
    const request = http.getRequest<CallerRequest>();
    const reply = http.getResponse<FastifyReply>();
    const { status, problem } = problemAndStatus(error);
    const facts = { requestId: request.id, code: problem.code };
    // An outage is many of the same; a failure is looked into.
    if (status === 503) this.log.warn({ ...facts, reason: reasonOf(error) }, 'a request had to be refused for now');
    else if (status >= 500) this.log.error({ ...facts, err: error }, 'a request failed');
    await this.audit(request, status, problem);
    if (reply.raw.headersSent) {
      reply.raw.destroy();
      return;
    }
    const body: ProblemDetails = {
      type: `urn:varve:problem:${problem.code}`,
      title: problem.code.replaceAll('_', ' '),
      status,
      detail: problem.message,
      code: problem.code,
      remedy: problem.remedy,
      facts: { ...problem.facts },
      requestId: request.id,
    };
    if (status === 401) void reply.header('www-authenticate', 'Bearer');
    if (status === 503) void reply.header('retry-after', '1');
    if (status === 429) void reply.header('retry-after', problem.facts['retryAfterS'] ?? '60');
    void reply.status(status).header('content-type', 'application/problem+json').send(JSON.stringify(body));
  }

  /** Refused writes, missing rights, reaching for what is another tenant's, and tokens that are none. */
  private async audit(request: CallerRequest, status: number, problem: Problem): Promise<void> {
    const entry = denialOf(request, status, problem);
    if (!entry) return;
    if (ofNobody(status)) {
      await this.unknownCallers.note(entry, request.ip);
      return;
    }
    try {
      await this.catalog.read((tx) => tx.audit.add(entry));
    } catch (error) {
      this.log.error({ err: error, ...entry }, 'a denial is not in the audit log');
    }
  }
}

const NOBODY = '-';

/** Anybody can make as many of these as they like. */
const ofNobody = (status: number): boolean => status === 401 || status === 429;

/** The line for the audit log; `null`: it is none. */
function denialOf({ caller, attempt, method, id }: CallerRequest, status: number, problem: Problem): AuditEntry | null {
  const what = caller ?? attempt;
  if (!what || (caller ? !isDenial(caller, method, status) : !ofNobody(status) && status !== 403)) return null;
  return {
    // A token that is for no project has a user all the same.
    userId: caller?.principal.userId ?? problem.facts['userId'] ?? NOBODY,
    projectId: caller?.principal.projectId ?? (NOBODY as ProjectId),
    action: what.action,
    target: what.target,
    requestId: id,
    outcome: 'denied',
    code: problem.code,
  };
}

const reasonOf = (error: unknown): string =>
  error instanceof Error && error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : String(error);

const isDenial = (caller: Caller, method: string, status: number): boolean =>
  caller.trespassed || status === 403 || (method !== 'GET' && status < 500);

function problemAndStatus(error: unknown): { status: number; problem: Problem } {
  if (error instanceof ServiceError) return { status: statusOf(error), problem: problemOf(error) };
  const status = frameworkStatus(error);
  if (status !== null && status < 500) {
    const message = error instanceof Error ? error.message : 'The request is not valid';
    return { status, problem: { code: codeOf(status), remedy: 'fix-request', message, facts: {} } };
  }
  // Foreign errors may carry what is nobody's business; the log has it all, under the request's id.
  const problem = { ...problemOf(error), message: 'Something went wrong here; the log says what, by the request id' };
  return { status: 500, problem };
}

/** Nest's and Fastify's own errors: no such route, not JSON, too long. */
function frameworkStatus(error: unknown): number | null {
  if (error instanceof HttpException) return error.getStatus();
  const status = (error as { statusCode?: unknown } | null)?.statusCode;
  return typeof status === 'number' ? status : null;
}
