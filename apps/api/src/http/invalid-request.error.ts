import { ServiceError } from '@varve/core';

/** The request is not one that the API's description allows. The facts name what is wrong, field by field. */
export class InvalidRequestError extends ServiceError {
  readonly code = 'invalid_request';
  readonly remedy = 'fix-request';
}
