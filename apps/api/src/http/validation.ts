import type { ArgumentMetadata } from '@nestjs/common';
import { StandardSchemaValidationPipe } from '@nestjs/common';
import { InvalidRequestError } from './invalid-request.error.js';

type Issue = { message: string; path?: readonly (PropertyKey | { key: PropertyKey })[] | undefined };

const pathOf = ({ path = [] }: Issue): string =>
  path.map((segment) => String(typeof segment === 'object' ? segment.key : segment)).join('.') || 'request';

/** The first of them are enough to put a request right. */
const ISSUES = 20;

/** Parses every body, query and parameter that has a schema; strictly, as the schemas are. */
export class RequestPipe extends StandardSchemaValidationPipe {
  constructor() {
    super({
      exceptionFactory: (issues: readonly Issue[]) => {
        const facts = Object.fromEntries(issues.slice(0, ISSUES).map((issue) => [pathOf(issue), issue.message]));
        const [first] = Object.entries(facts);
        return new InvalidRequestError(first ? `${first[0]}: ${first[1]}` : 'The request is not valid', facts);
      },
    });
  }

  /** No body is an empty one. */
  override transform<T>(value: T, metadata: ArgumentMetadata): Promise<T> {
    return super.transform(metadata.type === 'body' ? (value ?? ({} as T)) : value, metadata);
  }
}
