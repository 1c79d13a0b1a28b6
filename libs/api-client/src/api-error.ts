import type { Remedy } from '@varve/core';
import { ServiceError } from '@varve/core';
import { ProblemDetails } from '@varve/contracts';

/** What the API, or the way to it, refused. `code` is the API's own where it gave one. */
export class ApiError extends ServiceError {
  readonly code: string;
  readonly remedy: Remedy;
  /** HTTP status; 0 when there was no answer at all. */
  readonly status: number;
  /** For the operator's logs; `null` when the answer didn't come from the API. */
  readonly requestId: string | null;
  /** How long the API asked to be left alone; milliseconds. */
  readonly retryAfterMs: number | null;

  constructor(
    message: string,
    problem: {
      code: string;
      remedy: Remedy;
      status: number;
      facts?: Readonly<Record<string, string>>;
      requestId?: string | null;
      retryAfterMs?: number | null;
    },
    options?: ErrorOptions,
  ) {
    super(message, problem.facts, options);
    this.code = problem.code;
    this.remedy = problem.remedy;
    this.status = problem.status;
    this.requestId = problem.requestId ?? null;
    this.retryAfterMs = problem.retryAfterMs ?? null;
  }
}

/** Statuses after which the very same request may be made again: nobody has decided anything about it. */
const PASSING: ReadonlySet<number> = new Set([0, 429, 502, 503, 504]);

export const isPassing = (error: unknown): error is ApiError => error instanceof ApiError && PASSING.has(error.status);

/** Nothing answered at `url`, or not in time. */
export const unreachable = (url: string, cause: unknown): ApiError =>
  new ApiError(
    `The API at ${originOf(url)} does not answer: ${reasonOf(cause)}`,
    { code: 'api_unreachable', remedy: 'retry', status: 0 },
    { cause },
  );

/** An answer that isn't the API's: a proxy's error page, another service, a version that we can't read. */
export const notUnderstood = (response: Response, what: string, cause?: unknown): ApiError =>
  new ApiError(
    `${originOf(response.url)} gave an answer that is not the API's (${response.status}): ${what}`,
    {
      code: 'answer_not_understood',
      remedy: PASSING.has(response.status) ? 'retry' : 'call-operator',
      status: response.status,
      requestId: response.headers.get('x-openstack-request-id'),
      retryAfterMs: retryAfterOf(response),
    },
    { cause },
  );

/** An answer that says no. */
export async function refusalOf(response: Response): Promise<ApiError> {
  const text = await response.text();
  const problem = ProblemDetails.safeParse(jsonOf(text));
  if (!problem.success) return notUnderstood(response, text.slice(0, 200) || response.statusText, problem.error);
  const { code, remedy, detail, facts, requestId } = problem.data;
  return new ApiError(detail, {
    code,
    remedy,
    facts,
    requestId,
    status: response.status,
    retryAfterMs: retryAfterOf(response),
  });
}

/** `null` for what isn't JSON, which no schema of ours accepts. */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function retryAfterOf(response: Response): number | null {
  const header = response.headers.get('retry-after');
  if (header === null || header.trim() === '') return null;
  const seconds = Number(header);
  const ms = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(header) - Date.now();
  return Number.isFinite(ms) && ms >= 0 ? ms : null;
}

/** Without path and query, where ids and, in a wrong setting, credentials could be. */
function originOf(url: string): string {
  return URL.canParse(url) ? new URL(url).origin : 'the given address';
}

/** fetch says only "fetch failed" and keeps the reason below. */
function reasonOf(cause: unknown): string {
  for (let error = cause, depth = 0; error instanceof Error && depth < 5; error = error.cause, depth++) {
    if (error.name === 'TimeoutError') return 'no answer in time';
    if ('code' in error && typeof error.code === 'string') return error.code;
    if (error.cause === undefined) return error.message;
  }
  return String(cause);
}
