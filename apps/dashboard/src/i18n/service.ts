import { ApiError } from '@varve/api-client';
import type { Language } from './language.ts';
import { service as chinese } from './zh-cn/service.ts';

/** What the service and its hosts say in English, in another language. */
export interface ServiceWords {
  /** A title for each code of an error. */
  readonly problem: Readonly<Record<string, string>>;
  /** By the name that a step has in the host's log. */
  readonly step: Readonly<Record<string, string>>;
}

/** In English nothing could be better said than with the words themselves, which tell of this very case. */
export const TRANSLATED: Readonly<Record<Exclude<Language, 'en'>, ServiceWords>> = { 'zh-CN': chinese };

export interface Said {
  /** In the reader's language, as far as it is known there. */
  readonly title: string;
  /** What was said, in English; `null`: it is the title. */
  readonly original: string | null;
}

/** What the service has said, for whoever reads `language`. A newer one, and an older host, may say what is unknown here. */
export function saidIn(language: string): {
  problem: (problem: { readonly code: string; readonly message: string } | Error) => Said;
  step: (name: string) => Said;
} {
  const words = Object.hasOwn(TRANSLATED, language) ? TRANSLATED[language as keyof typeof TRANSLATED] : null;
  const said = (of: keyof ServiceWords, name: string, original: string): Said => {
    const title = words && Object.hasOwn(words[of], name) ? words[of][name] : undefined;
    return title === undefined ? { title: original, original: null } : { title, original };
  };
  return {
    problem: (problem) => said('problem', codeOf(problem), problem.message),
    step: (name) => said('step', name, name),
  };
}

/** What goes wrong in the page itself has a code as well. */
export const PAGE_FAULT = 'page_fault';

export function codeOf(problem: { readonly code: string } | Error): string {
  if (problem instanceof Error) return problem instanceof ApiError ? problem.code : PAGE_FAULT;
  return problem.code;
}
